"""What each host served of a model at a moment, told from the history's lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind

# Lines of these kinds tell it all.
TELLING = (Kind.SWITCHED, Kind.TRAFFIC)


@dataclass(frozen=True)
class Holder:
    """The version on a track: since when (epoch seconds), instead of which, why and by whom it was put there.

    `by` is empty where nobody knows. `generation` is the host's number of the switch, `run_id` that of its training.
    """

    version: int
    since: float
    before: int | None
    why: str
    by: str
    generation: int
    run_id: str


@dataclass(frozen=True)
class Shares:
    """Percent of Production's requests that others answer too, since when (epoch seconds), why and by whom.

    `canary`: answered by Staging; `shadow`: mirrored to Staging; `control`: left to the version before while a new one
    bakes.
    """

    canary: float = 0.0
    shadow: float = 0.0
    control: float = 0.0
    since: float | None = None
    why: str = ""
    by: str = ""

    def __str__(self) -> str:
        return f"canary {self.canary:g} %, shadow {self.shadow:g} %, control {self.control:g} %"


@dataclass(frozen=True)
class Situation:
    """One host's tracks and traffic; `generation` is that of its last line."""

    generation: int = 0
    tracks: Mapping[str, Holder] = field(default_factory=dict)
    shares: Shares = Shares()


def situations(events: Iterable[Event]) -> dict[str, Situation]:
    """By host, after these events of one model; a host without any is not there."""
    found: dict[str, Situation] = {}
    for event in sorted(events, key=lambda event: (event.writer, event.sequence)):
        if event.kind in TELLING:
            found[event.writer] = after(found.get(event.writer, Situation()), event)
    return found


def after(situation: Situation, event: Event) -> Situation:
    """What one line makes of it."""
    detail = event.detail
    generation, by = int(detail.get("generation") or 0), str(detail.get("by") or "")
    if event.kind == Kind.TRAFFIC:
        canary, shadow, control = (float(detail.get(name) or 0.0) for name in ("canary", "shadow", "control"))
        shares = Shares(canary, shadow, control, event.at, str(detail.get("why") or ""), by)
        return replace(situation, generation=generation, shares=shares)
    track = str(detail.get("track"))
    tracks = {name: each for name, each in situation.tracks.items() if name != track}
    if event.version is not None:
        why, run_id = str(detail.get("why") or ""), str(detail.get("run_id") or "")
        tracks[track] = Holder(event.version, event.at, detail.get("before"), why, by, generation, run_id)
    return replace(situation, generation=generation, tracks=tracks)
