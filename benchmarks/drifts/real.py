"""References and windows of real tables, and how often the rules alarm on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from benchmarks.drifts import datasets
from benchmarks.drifts.conditions import Plan
from benchmarks.drifts.populations import Rows
from benchmarks.drifts.records import Counted, Found
from benchmarks.drifts.simulation import counted, generator

STILL, MOVED, UNKNOWN = "no", "yes", "not known"
_Positions = np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True)
class Story:
    """One way to cut a table into references and windows.

    Attributes:
        name: the table, and the order of its rows.
        drifts: whether windows differ from the reference.
        ordered: the first rows are the only reference, and windows follow one after the other. Else rows (all of a
            group together, where there are groups) are drawn by lot.
        apart: the reference is drawn from rows without a label, and windows from those with one.
    """

    name: str
    read: Callable[[], Rows]
    reference: int
    sizes: tuple[int, ...]
    drifts: str = STILL
    ordered: bool = False
    apart: bool = False

    def key(self, rows: int) -> str:
        """What `--only` looks for, and what the seed is made of."""
        return f"{self.name}/{rows} rows/reference {self.reference}"


STORIES = (
    Story("randhie, rows by lot", datasets.visits, 5_000, (500, 2_000, 10_000)),
    Story("randhie, people by lot", datasets.people, 5_000, (500, 2_000, 10_000)),
    Story("randhie, from free care to paid", datasets.health, 5_000, (500, 2_000), UNKNOWN, apart=True),
    Story("randhie, as it lies", datasets.people, 5_000, (500, 2_000), UNKNOWN, ordered=True),
    Story("fair, rows by lot", datasets.affairs, 3_000, (500, 2_000)),
    Story("fair, as it lies", datasets.affairs, 2_000, (500, 2_000), MOVED, ordered=True),
    Story("co2, in order", datasets.carbon_dioxide, 520, (520,), MOVED, ordered=True),
    Story("co2 by the week before, in order", datasets.weekly_change, 520, (520,), UNKNOWN, ordered=True),
    Story("digits, rows by lot", datasets.digits, 1_000, (500,)),
    Story("digits, as it lies", datasets.digits, 700, (500,), UNKNOWN, ordered=True),
)


def play(story: Story, rows: int, plan: Plan) -> list[Found]:
    """How often each rule alarms on the story's windows of so many rows."""
    references = 1 if story.ordered else plan.references
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        every = list(processes.map(_play, repeat(story), repeat(rows), repeat(plan.quiet), range(references)))
    width = len(story.read().values)
    return [Found(story.name, width, rows, story.reference, story.drifts, Counted.joined(every))]


def _play(story: Story, rows: int, windows: int, number: int) -> Counted:
    chance, table = generator(story.key(rows), number), story.read()
    reference, others = cut(story, table, chance)
    pieces = following(others, rows) if story.ordered else drawn(others, rows, windows, chance)
    return counted(reference, ((story.drifts, each) for each in pieces))[story.drifts]


def cut(story: Story, table: Rows, chance: np.random.Generator) -> tuple[Rows, Rows]:
    """A reference, and the rows that windows come from: of no group that is in the reference."""
    if story.ordered:
        order = np.arange(len(table))
        return table.take(order[: story.reference]), table.take(order[story.reference :])
    source = table.take(np.flatnonzero(~table.labels)) if story.apart else table
    chosen = by_lot(source, story.reference, chance)
    if story.apart:
        return source.take(chosen), table.take(np.flatnonzero(table.labels))
    kept = ~np.isin(_groups(source), _groups(source)[chosen])
    return source.take(chosen), source.take(np.flatnonzero(kept))


def by_lot(table: Rows, rows: int, chance: np.random.Generator) -> _Positions:
    """Positions of so many rows: group after group, of which the last may be cut."""
    names, groups = np.unique(_groups(table), return_inverse=True)
    return np.argsort(chance.permutation(len(names))[groups], kind="stable")[:rows]


def drawn(others: Rows, rows: int, windows: int, chance: np.random.Generator) -> Iterator[Rows]:
    """So many windows, each by a lot of its own."""
    yield from (others.take(by_lot(others, rows, chance)) for _ in range(windows))


def following(others: Rows, rows: int) -> Iterator[Rows]:
    """One window after the other, as long as there are enough rows."""
    yield from (others.take(np.arange(start, start + rows)) for start in range(0, len(others) - rows + 1, rows))


def _groups(table: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(len(table)) if table.groups is None else table.groups
