"""What the page of a model (`GET /models/NAME`) says of its deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cuelight.client.naming import Name
from cuelight.kit.errors import NotFound

Page = Mapping[str, Any]


def deployments(page: Page) -> Iterator[dict[str, Any]]:
    """A model's version on each track, by the name that scores it."""
    for track, version in page["tracks"].items():
        yield {"name": f"{page['name']}/{track}", "endpoint": page["name"], "track": track, **version}


def find(page: Page, name: Name) -> dict[str, Any]:
    """The deployment of that name; a model's own name means Production.

    Raises:
        NotFound: no version of that name is in memory; a request by its number or alias brings it.
    """
    on_tracks = list(deployments(page))
    if name.place in ("", "stages"):
        track = name.which or "Production"
        found = [each for each in on_tracks if each["track"].lower() == track.lower()]
    else:
        number = page["aliases"].get(name.which) if name.place == "aliases" else int(name.which)
        guests = ({"name": f"{name.model}/{number}", "endpoint": name.model, **each} for each in page["on_demand"])
        found = [each for each in (*on_tracks, *guests) if each["version"] == number]
    if not found:
        known = ", ".join(each["name"] for each in on_tracks) or "none"
        raise NotFound(
            f"No such deployment of {name.model} is in memory. On tracks: {known}. "
            "Any registered version is loaded when it is asked to predict."
        )
    return found[0]
