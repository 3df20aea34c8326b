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


def play(cell: Cell, plan: Plan) -> list[Found]:
    """How often each rule alarms on the cell's windows, without drift and by each change."""
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        every = list(processes.map(_play, repeat(cell), repeat(plan), range(plan.references)))
    where = (cell.world.name, cell.columns, cell.rows, cell.reference)
    return [Found(*where, what, Counted.joined([each[what] for each in every])) for what in (NONE, *cell.changes)]


def generator(key: str, number: int) -> np.random.Generator:
    """Of one reference of a cell, whatever else is run."""
    return np.random.default_rng([SEED, zlib.crc32(key.encode()), number])


def counted(reference: Rows, windows: Iterable[tuple[str, Rows]]) -> Mapping[str, Counted]:
    """Each rule's alarms on windows of one size, by what was done to them; what changed a window comes after it."""
    rules, found = panel.Panel(reference), dict[str, list[Mapping[str, bool | None]]]()
    for what, window in windows:
        found.setdefault(what, []).append(rules.alarms(window))
    return {what: Counted.of(alarms) for what, alarms in found.items()}


def _play(cell: Cell, plan: Plan, number: int) -> Mapping[str, Counted]:
    chance = generator(cell.key, number)
    population = Population(cell.world, cell.columns, chance)
    reference = population.draw(chance, cell.reference)
    return counted(reference, _windows(cell, plan, population, chance))


def _windows(cell: Cell, plan: Plan, population: Population, chance: np.random.Generator) -> Iterator[tuple[str, Rows]]:
    """Without drift, and by each change what becomes of the same rows; in as long as they take at the same pace."""
    hour = chance.random()
    for index in range(plan.quiet):
        begin = WEEK + DAY * (chance.integers(_DAYS) + hour)
        window = population.draw(chance, cell.rows, begin, WEEK * cell.rows / cell.reference)
        yield NONE, window
        if index < plan.changed:
            yield from ((what, change(population, chance, window)) for what, change in cell.changes.items())
