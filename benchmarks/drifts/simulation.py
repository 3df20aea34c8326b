"""Windows of each cell, in as many processes as there are cores: each reference with a seed of its own."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np

from benchmarks.drifts.changes import NONE
from benchmarks.drifts.conditions import Cell, Plan
from benchmarks.drifts.populations import DAY, WEEK, Population, Rows
from benchmarks.drifts.records import Counted, Found
from benchmarks.drifts.rules import panel

SEED = 6
_DAYS = 28  # after the reference; windows of a seasonal world begin on any of them, at the same hour


def play(cell: Cell, plan: Plan, drift: bool) -> list[Found]:
    """How often each rule alarms on the cell's windows: without drift, or on some of them by each change."""
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        every = list(processes.map(_play, repeat(cell), repeat(plan), repeat(drift), range(plan.references)))
    where = (cell.world.name, cell.columns, cell.rows, cell.reference)
    return [Found(*where, what, Counted.joined([each[what] for each in every])) for what in every[0]]


def generator(key: str, number: int) -> np.random.Generator:
    """Of one reference of a cell, whatever else is run."""
    return np.random.default_rng([SEED, zlib.crc32(key.encode()), number])


def counted(reference: Rows, windows: Iterable[tuple[str, Rows]]) -> Mapping[str, Counted]:
    """Each rule's alarms on windows of one size, by what was done to them."""
    rules, found = panel.Panel(reference), dict[str, list[Mapping[str, bool | None]]]()
    for what, window in windows:
        found.setdefault(what, []).append(rules.alarms(window))
    return {what: Counted.of(alarms) for what, alarms in found.items()}


def _play(cell: Cell, plan: Plan, drift: bool, number: int) -> Mapping[str, Counted]:
    chance = generator(cell.key, number)
    population = Population(cell.world, cell.columns, chance)
    reference = population.draw(chance, cell.reference)
    windows = _windows(cell, population, chance, plan.changed if drift else plan.quiet)
    if not drift:
        return counted(reference, ((NONE, window) for window in windows))
    others = generator(f"{cell.key}/changes", number)  # of their own, so that windows are the same without them
    return counted(reference, _changed(cell, population, others, windows))


def _windows(cell: Cell, population: Population, chance: np.random.Generator, times: int) -> Iterator[Rows]:
    """Windows without drift, each of as long as its rows take at the reference's pace."""
    hour = chance.random()
    for _ in range(times):
        begin = WEEK + DAY * (chance.integers(_DAYS) + hour)
        yield population.draw(chance, cell.rows, begin, WEEK * cell.rows / cell.reference)


def _changed(
    cell: Cell, population: Population, chance: np.random.Generator, windows: Iterable[Rows]
) -> Iterator[tuple[str, Rows]]:
    for window in windows:
        yield from ((what, change(population, chance, window)) for what, change in cell.changes.items())
