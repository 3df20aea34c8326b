"""What is drawn, and how often: worlds, widths, sizes of windows, and changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.drifts.changes import CHANGES, CORRELATION, HALF, LABEL, LEVEL, QUARTER, SCALE, Change
from benchmarks.drifts.populations import Shape, World

SIZES = (500, 2_000, 10_000)
REFERENCE, SMALL = 5_000, 1_000

_TURNS = (Shape.NORMAL, Shape.LOGNORMAL, Shape.JOINT, Shape.JOINT)
MIXED = World("mixed", _TURNS)
NUMERIC = World("numeric", (Shape.NORMAL,), numeric=1.0)
CATEGORIES = World("categories", (), numeric=0.0)
CORRELATED = World("correlated", (Shape.JOINT,), joint_levels=True)
SKEWED = World("skewed", (Shape.LOGNORMAL, Shape.COUNT), rare_levels=True)
CLUSTERED = World("clustered", _TURNS, grouped=True)
SEASONAL = World("seasonal", _TURNS, seasonal=True)


@dataclass(frozen=True)
class Plan:
    """How many references a cell has, and windows each: without drift, and of each change."""

    references: int = 20
    quiet: int = 20
    changed: int = 5


QUICK = Plan(2, 4, 2)


@dataclass(frozen=True)
class Cell:
    """One kind of window: what is drawn, how wide and long, and what is done to it."""

    world: World
    columns: int
    rows: int
    reference: int
    changes: Mapping[str, Change]

    @property
    def key(self) -> str:
        """What `--only` looks for, and what the seed is made of."""
        return f"{self.world.name}/{self.columns} columns/{self.rows} rows/reference {self.reference}"


def cells() -> Iterator[Cell]:
    """All of them, the most important first."""
    yield from _sizes(MIXED, 20, REFERENCE, CHANGES)
    yield from _sizes(MIXED, 5, REFERENCE, CHANGES)
    yield from _sizes(CLUSTERED, 20, REFERENCE, _some(QUARTER, HALF, LEVEL))
    yield from _sizes(SEASONAL, 20, REFERENCE, _some(QUARTER, HALF, LEVEL))
    yield from _sizes(MIXED, 100, REFERENCE, CHANGES)
    yield from _sizes(CLUSTERED, 5, REFERENCE, _some(QUARTER, LEVEL))
    yield from _sizes(SEASONAL, 5, REFERENCE, _some(QUARTER, LEVEL))
    yield from _sizes(CATEGORIES, 20, REFERENCE, _some(LEVEL, LABEL))
    yield from _sizes(NUMERIC, 20, REFERENCE, _some(QUARTER, SCALE, LABEL))
    yield from _sizes(CORRELATED, 20, REFERENCE, _some(QUARTER, LEVEL, CORRELATION))
    yield from _sizes(SKEWED, 20, REFERENCE, _some(SCALE, LEVEL, LABEL))
    yield from _sizes(MIXED, 20, SMALL, _some(QUARTER, LEVEL))
    for world in (CLUSTERED, SEASONAL):
        yield Cell(world, 100, 2_000, REFERENCE, _some(QUARTER, LEVEL))


def _sizes(world: World, columns: int, reference: int, changes: Mapping[str, Change]) -> Iterator[Cell]:
    yield from (Cell(world, columns, rows, reference, changes) for rows in SIZES)


def _some(*names: str) -> Mapping[str, Change]:
    return {name: CHANGES[name] for name in names}
