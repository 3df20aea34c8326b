"""The challenger that a retraining put into Staging, until somebody, or its own canary, has decided about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.retraining import PROMOTED, STAGED, RetrainRequest

# Lines of these kinds tell where it went.
TELLING = (Kind.MOVED, Kind.SWITCHED, Kind.ROLLED_BACK)
_STAGING = "Staging"


def newest(requests: Sequence[RetrainRequest]) -> RetrainRequest | None:
    """The last of a model's requests, newest first, that came to a challenger in Staging; None: it went further."""
    made = next((each for each in requests if each.outcome in (STAGED, PROMOTED)), None)
    return made if made is not None and made.outcome == STAGED and made.detail.get("version") is not None else None


def still_waits(request: RetrainRequest, events: Iterable[Event]) -> bool:
    """Whether its challenger is in Staging yet, by the lines of the model's history since the request, in their order.

    Promoted, archived, displaced, or withdrawn as a canary it is not. A version that can't be served waits: a person
    must look at it.
    """
    waits, version = True, request.detail["version"]
    for event in events:
        told = _told(event, version)
        waits = waits if told is None else told
    return waits


def _told(event: Event, version: int) -> bool | None:
    """Whether the version is in Staging, by one line; None: it does not say."""
    if event.kind == Kind.SWITCHED and event.detail.get("track") == _STAGING:
        return (event.version == version) if version in (event.version, event.detail.get("before")) else None
    if event.version != version:
        return None
    if event.kind == Kind.MOVED:
        stage = event.detail.get("stage")
        return None if stage is None else bool(stage == _STAGING)
    return False if event.kind in TELLING else None
