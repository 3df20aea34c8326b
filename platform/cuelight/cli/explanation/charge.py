"""Who was in charge when a prediction was made, and what had put it there: by the history alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cuelight.journal.lookup import Seen
from cuelight.journal.record import Prediction
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.situation import TELLING, Holder, Situation, situations

# Kinds of lines that an explanation rests on.
KINDS = (*TELLING, Kind.ROLLED_BACK, Kind.RETRAINED)
# A line may be a moment later than the first answers after its switch; its generation says that it came first.
_SLACK_SECONDS = 60.0


@dataclass(frozen=True)
class Charge:
    """Who was in charge when a prediction was made: the host's situation, and the version's own place in it."""

    situation: Situation | None = None
    track: str = ""
    holder: Holder | None = None
    lines: Sequence[Event] = field(default_factory=tuple)


def charge(seen: Seen, events: Sequence[Event]) -> Charge:
    """The host's situation by the generation that answered, and what had put the version where it was."""
    asked = seen.prediction
    lines = [each for each in events if each.writer == seen.host and _before(each, asked)]
    situation = situations(lines).get(seen.host)
    if situation is None:
        return Charge()
    on = {track: each for track, each in situation.tracks.items() if each.version == asked.version}
    if on:
        track = asked.track if asked.track in on else min(on)
        return Charge(situation, track, on[track], lines)
    for line in reversed(lines):  # on no track any more: it was kept loaded
        if line.kind == Kind.SWITCHED and line.version == asked.version:
            track = str(line.detail.get("track"))
            return Charge(situation, track, situations([line])[seen.host].tracks[track], lines)
    return Charge(situation, lines=lines)


def _before(line: Event, asked: Prediction) -> bool:
    return line.at <= asked.time + _SLACK_SECONDS and int(line.detail.get("generation") or 0) <= asked.generation


def rollback(found: Charge) -> Event | None:
    """The rollback that put the holder where it was, if one did."""
    return next((each for each in reversed(found.lines) if _led_to(each, found)), None)


def _led_to(line: Event, found: Charge) -> bool:
    holder = found.holder
    return (
        holder is not None
        and line.kind == Kind.ROLLED_BACK
        and (line.version, line.detail.get("to"), line.detail.get("track"))
        == (holder.before, holder.version, found.track)
        and abs(line.at - holder.since) <= _SLACK_SECONDS
    )


def trained_by(events: Sequence[Event], version: int, run_id: str) -> Event | None:
    """The line of the retraining that made this version, if a retraining did."""
    made = [each for each in events if each.kind == Kind.RETRAINED and each.version == version]
    return next((each for each in reversed(made) if run_id in ("", str(each.detail.get("run_id")))), None)
