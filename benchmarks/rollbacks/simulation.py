"""Many bakes of each condition, in as many processes as there are cores, each condition with a seed of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np

from benchmarks.rollbacks.bakes import End, play
from benchmarks.rollbacks.conditions import Case
from benchmarks.rollbacks.records import Equal, Spread, Worse
from cuelight.serving.rollouts.standing import Standing

SEED = 4


def equal(cases: Sequence[Case], bakes: int) -> Iterator[Equal]:
    """How often a version that is no worse is rolled back."""
    for case, ends in zip(cases, _play_all(cases, bakes), strict=True):
        yield Equal(case.where, case.world.rate, bakes, len(_rolled_back(ends)))


def worse(cases: Sequence[Case], bakes: int) -> Iterator[Worse]:
    """How soon a version that is worse is rolled back."""
    for case, ends in zip(cases, _play_all(cases, bakes), strict=True):
        found = _rolled_back(ends)
        spreads = (
            _spread([getattr(end, kind) for end in found], bakes) for kind in ("candidate", "requests", "seconds")
        )
        yield Worse(case.what, case.where, case.world.rate, bakes, case.seconds, len(found), *spreads)


def _play_all(cases: Sequence[Case], bakes: int) -> Iterator[list[End]]:
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        yield from processes.map(_play, cases, repeat(bakes), range(len(cases)))


def _play(case: Case, bakes: int, number: int) -> list[End]:
    generator = np.random.default_rng([SEED, number])
    return [play(generator, case.world, case.new, case.seconds, case.usual, case.look) for _ in range(bakes)]


def _rolled_back(ends: Sequence[End]) -> list[End]:
    return [end for end in ends if end.standing == Standing.WORSE]


def _spread(found: Sequence[float], bakes: int) -> Spread:
    """Of all bakes: those that were not rolled back would have taken longer than the others."""
    longest = [*sorted(found), *[None] * (bakes - len(found))]
    return longest[(bakes - 1) // 2], longest[min(bakes - 1, round(0.9 * bakes) - 1)]
