"""What a token allows: kinds of request (scopes) and models. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cuelight.kit.errors import BadInput, Forbidden

ALL_MODELS = "*"


class Scope(StrEnum):
    """A kind of request. `ADMIN` has all the others in it; what every caller may see needs none."""

    SCORE = "score"
    FEEDBACK = "feedback"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True)
class Grant:
    """Scopes, and the names of the models that they are for; `*` among these is every model."""

    scopes: frozenset[str]
    models: frozenset[str]

    @classmethod
    def read(cls, scopes: Iterable[str], models: Iterable[str]) -> Grant:
        """From what a person wrote: each text is one name, or several with commas between them.

        Raises:
            BadInput: there is no such scope, or nothing is named.
        """
        grant = cls(_names(scopes), _names(models))
        known = ", ".join(Scope)
        if unknown := sorted(grant.scopes - set(Scope)):
            raise BadInput(f"There is no scope {unknown[0]!r}: the scopes are {known}.")
        if not grant.scopes:
            raise BadInput(f"Name at least one scope: {known}.")
        if not grant.models:
            raise BadInput(f"Name at least one model, or {ALL_MODELS} for every one.")
        return grant

    def covers(self, model: str) -> bool:
        """Whether it is for this model."""
        return model in self.models or ALL_MODELS in self.models

    def check(self, scope: Scope | None, model: str = "") -> None:
        """Go on only with what is allowed; without a `scope`, to look; without a `model`, whatever the models.

        Raises:
            Forbidden: it is not; the text says what is missing.
        """
        if scope and scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise Forbidden(f"This token has no scope {scope.value!r}: ask for one that has it.")
        if model and not self.covers(model):
            raise Forbidden(f"This token is not for model {model!r}: ask for one that is.")


EVERYTHING = Grant(frozenset((Scope.ADMIN.value,)), frozenset((ALL_MODELS,)))


def _names(texts: Iterable[str]) -> frozenset[str]:
    parts = (part.strip() for text in texts for part in text.split(","))
    return frozenset(part for part in parts if part)
