"""All streams, in as many processes as there are cores, each with a seed of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks.loops.records import Loop
from benchmarks.loops.streams import CASES, DAY
from cuelight.simulation.player import play
from cuelight.simulation.result import Result, weigh

_DIGITS = 6


def loops(seeds: int | None = None) -> Iterator[Loop]:
    """Every case with all its seeds, or with so many at most, in their order."""
    wanted = [
        (place, seed)
        for place, case in enumerate(CASES)
        for seed in range(case.seeds if seeds is None else min(seeds, case.seeds))
    ]
    yield from _play_all(wanted)


def _play_all(wanted: Sequence[tuple[int, int]]) -> Iterator[Loop]:
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        yield from processes.map(_play, *zip(*wanted, strict=True))


def _play(place: int, seed: int) -> Loop:
    case = CASES[place]
    result = weigh(play(case.make(seed), case.plan, case.settings), driftless=not case.drifts)
    found = result.worth
    return Loop(
        case=case.name,
        order=case.order,
        seed=seed,
        drifts=case.drifts,
        rows=result.rows,
        windows=result.judged,
        alarms=result.alarms,
        retrainings=result.asked,
        promoted=result.promoted,
        metric=found.metric,
        loop=round(found.pair.loop, _DIGITS),
        frozen=round(found.pair.frozen, _DIGITS),
        gain=round(found.gain, _DIGITS),
        low=round(found.low, _DIGITS),
        high=round(found.high, _DIGITS),
        share=round(found.share, _DIGITS),
        trend=_trend(result),
        takeovers=[_days(result, each.promoted_at) for each in result.retrainings if each.promoted_at is not None],
    )


def _trend(result: Result) -> list[list[float]]:
    return [[_days(result, at), round(each.loop, 4), round(each.frozen, 4)] for at, each in result.trend]


def _days(result: Result, at: float) -> float:
    return round((at - result.start) / DAY, 2)
