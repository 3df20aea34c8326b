"""What is drawn, and how often: worlds, widths, sizes of windows, and changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.drifts.changes import CHANGES, CORRELATION, HALF, LABEL, LEVEL, QUARTER, TENTH, Change
from benchmarks.drifts.populations import Shape, World

SIZES, WIDTHS, REFERENCE = (500, 2_000, 10_000), (5, 20, 100), 5_000
_WIDTH = 20

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
    quiet: int = 25
    changed: int = 10


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
    """All of them."""
    for columns in WIDTHS:
        yield from _sizes(MIXED, columns, REFERENCE, CHANGES)
    yield from _sizes(MIXED, _WIDTH, 1_000, _some(QUARTER, HALF))
    yield from _sizes(MIXED, _WIDTH, 50_000, _some(TENTH, QUARTER))
    yield from _sizes(NUMERIC, _WIDTH, REFERENCE, _but(LEVEL, CORRELATION))
    yield from _sizes(CATEGORIES, _WIDTH, REFERENCE, _some(LEVEL, LABEL))
    yield from _sizes(CORRELATED, _WIDTH, REFERENCE, CHANGES)
    yield from _sizes(SKEWED, _WIDTH, REFERENCE, _but(CORRELATION))
    for world in (CLUSTERED, SEASONAL):
        for columns in WIDTHS:
            yield from _sizes(world, columns, REFERENCE, _some(QUARTER, HALF, LEVEL))


def _sizes(world: World, columns: int, reference: int, changes: Mapping[str, Change]) -> Iterator[Cell]:
    yield from (Cell(world, columns, rows, reference, changes) for rows in SIZES)


def _some(*names: str) -> Mapping[str, Change]:
    return {name: CHANGES[name] for name in names}


def _but(*names: str) -> Mapping[str, Change]:
    return {name: change for name, change in CHANGES.items() if name not in names}
