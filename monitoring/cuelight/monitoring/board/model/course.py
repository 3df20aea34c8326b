"""Requests, latency and errors of each version over time. Pure but for what is asked of the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cuelight.journal.query import Journal, Query, Service

_STEPS = (60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0)
_MOST = 60  # points
LOOKS = 4  # colours that tell versions apart, and so many are drawn


@dataclass(frozen=True)
class Track:
    """One version's p50 and p99 in ms and its errors in percent, point by point; None where nothing was asked."""

    version: int
    look: str
    p50: tuple[float | None, ...]
    p99: tuple[float | None, ...]
    errors: tuple[float | None, ...]


@dataclass(frozen=True)
class Course:
    """Points of `every` seconds from `since` up to `until` (epoch seconds); `left` older versions are left out."""

    since: float
    until: float
    every: float
    tracks: tuple[Track, ...]
    left: int = 0


def look(version: int) -> str:
    """The class that colours a version, everywhere on the page."""
    return f"data-{(version - 1) % LOOKS + 1}"


def course(journal: Journal, model: str, since: float, now: float) -> Course:
    """The newest versions from their first request since then on, in as short steps as make at most sixty points."""
    every = next((step for step in _STEPS if now - since <= step * (_MOST - 1)), _STEPS[-1])
    first = since // every * every
    found = journal.service(Query(model, since=first), every)
    versions = sorted({each.version for each in found if each.version})
    shown = versions[-LOOKS:]
    found = [each for each in found if each.version in shown]
    first = min((each.window for each in found if each.window is not None), default=first)
    count = int((now - first) // every) + 2  # the last step's end is a point too, without a value
    tracks = tuple(_track([each for each in found if each.version == number], first, every, count) for number in shown)
    return Course(first, first + (count - 1) * every, every, tracks, len(versions) - len(shown))


def errors(service: Service) -> float:
    """Percent of the requests that failed."""
    return 100.0 * service.failed / service.requests if service.requests else 0.0


def _track(found: Sequence[Service], first: float, every: float, count: int) -> Track:
    by_place = {round(((each.window or first) - first) / every): each for each in found}
    points = [by_place.get(place) for place in range(count)]
    return Track(
        found[0].version,
        look(found[0].version),
        tuple(each.p50 if each else None for each in points),
        tuple(each.p99 if each else None for each in points),
        tuple(errors(each) if each else None for each in points),
    )
