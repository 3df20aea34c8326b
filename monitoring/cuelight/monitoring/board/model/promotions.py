"""Latency and errors of the versions before and after each promotion. Pure but for what is asked of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cuelight.journal.query import Journal, Query, Service
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.registry.model import Track

SHOWN = 4  # promotions
SPAN_SECONDS = 3600.0
_TOGETHER_SECONDS = 120.0  # hosts switch each in its own moment


@dataclass(frozen=True)
class Turn:
    """Production went from version `before` (None: it was empty) to `after`, at `at`; the turns beside it bound it."""

    at: float
    before: int | None
    after: int
    earliest: float
    latest: float


@dataclass(frozen=True)
class Promotion:
    """A turn with how the requests of the hour before it and after it were answered; None: there were none."""

    turn: Turn
    before: Service | None
    after: Service | None


def turns(events: Iterable[Event]) -> list[Turn]:
    """The promotions and rollbacks that a model's history tells of, the newest first; several hosts' switch is one."""
    found: list[Event] = []
    for event in sorted(events, key=lambda each: each.at):
        if event.kind != Kind.SWITCHED or event.detail.get("track") != Track.PRODUCTION or event.version is None:
            continue
        last = found[-1] if found else None
        if last is None or last.version != event.version or event.at - last.at > _TOGETHER_SECONDS:
            found.append(event)
    ends = [0.0, *(each.at for each in found), float("inf")]
    spans = zip(pairwise(ends[:-1]), pairwise(ends[1:]), found, strict=True)
    return [_turn(event, before[0], after[1]) for before, after, event in spans][::-1]


def _turn(event: Event, earliest: float, latest: float) -> Turn:
    before = event.detail.get("before")
    first, last = max(earliest, event.at - SPAN_SECONDS), min(latest, event.at + SPAN_SECONDS)
    return Turn(event.at, int(before) if before else None, int(event.version or 0), first, last)


def promotions(journal: Journal, model: str, found: Sequence[Turn]) -> list[Promotion]:
    """The newest of them with their figures."""
    return [_measured(journal, model, each) for each in found[:SHOWN]]


def _measured(journal: Journal, model: str, turn: Turn) -> Promotion:
    before = _service(journal, Query(model, turn.before, since=turn.earliest, until=turn.at)) if turn.before else None
    return Promotion(turn, before, _service(journal, Query(model, turn.after, since=turn.at, until=turn.latest)))


def _service(journal: Journal, query: Query) -> Service | None:
    return next(iter(journal.service(query)), None)
