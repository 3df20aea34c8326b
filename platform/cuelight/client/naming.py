"""Names of endpoints and deployments: an endpoint is a model, a deployment one of its tracks, aliases or versions."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from cuelight.kit.errors import BadInput

_FORMS = "a model's name, or NAME/Staging, NAME/7 (a version) or NAME@champion (an alias)"


@dataclass(frozen=True)
class Name:
    """A model, and `which` of its stages, versions or aliases, as `place` says; empty: as its traffic is shared."""

    model: str
    place: str = ""
    which: str = ""

    @property
    def page(self) -> str:
        """The path of the model's page."""
        return f"/models/{quote(self.model, safe='')}"

    @property
    def scoring(self) -> str:
        """The path that scores."""
        pinned = f"/{self.place}/{quote(self.which, safe='')}" if self.place else ""
        return f"{self.page}{pinned}/invocations"


def read(text: str) -> Name:
    """A name as MLflow's model URIs have it, with `models:/` before it or without.

    >>> read("wine").scoring, read("models:/wine/Staging").scoring
    ('/models/wine/invocations', '/models/wine/stages/Staging/invocations')

    Raises:
        BadInput: it is none.
    """
    model, slash, which = text.removeprefix("models:/").partition("/")
    place = ("versions" if which.isdecimal() else "stages") if slash else ""
    if not slash and "@" in model:
        model, _, which = model.rpartition("@")
        place = "aliases"
    if not model or bool(place) != bool(which) or "/" in which:
        raise BadInput(f"{text!r} names nothing: give {_FORMS}.")
    return Name(model, place, which)


def chosen(deployment: str | None, endpoint: str | None) -> Name:
    """Whom a call is for, which names a deployment, an endpoint, or both.

    Raises:
        BadInput: it names neither, or a deployment of another endpoint.
    """
    names = [read(each) for each in (deployment, endpoint) if each]
    if not names:
        raise BadInput(f"Name an endpoint or a deployment: {_FORMS}.")
    if names[0].model != names[-1].model:
        raise BadInput(f"Deployment {deployment!r} is none of endpoint {endpoint!r}.")
    return names[0]
