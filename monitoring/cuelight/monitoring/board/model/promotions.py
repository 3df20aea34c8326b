"""Latency and errors of the versions before and after each promotion. Pure but for what is asked of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cuelight.journal.query import Journal, Query, Service
from cuelight.monitoring.board.model.switches import switches
from cuelight.operations.history import Event
from cuelight.registry.model import Track

SHOWN = 4  # promotions
SPAN_SECONDS = 3600.0


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
    found = [each for each in switches(events) if each.detail.get("track") == Track.PRODUCTION and each.version]
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
