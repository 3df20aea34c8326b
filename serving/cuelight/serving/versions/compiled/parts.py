"""What a compiled way is made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuelight.protocol.parameters import METHODS
from cuelight.protocol.rows import Rows

Matrix = NDArray[np.float64]
Array = NDArray[Any]
# A row of a transformed request takes 8 bytes a cell: beyond this many, the model itself (it may use sparse arrays).
MOST_CELLS = 1 << 22
_METHODS = frozenset(METHODS)


class Unfit(Exception):
    """This input is outside of what the compiled code was made for."""


class Uncompilable(Exception):
    """There is no array code for this model."""


@dataclass(frozen=True)
class Answer:
    """What a method answers, and the probabilities of each class (rows, classes) where they came with it."""

    values: Any
    shares: Array | None = None


@dataclass(frozen=True)
class Numbers:
    """A step's output: a matrix (rows, `width`) of doubles, each row whole before the next.

    `single`: the model would see 32-bit floats here, and may calculate in them.
    """

    width: int
    single: bool = False


@dataclass(frozen=True)
class Texts:
    """A step's output: columns of strings, each a list of (rows,)."""

    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.names)


Shape = Numbers | Texts


@dataclass(frozen=True)
class Step:
    """From columns or a matrix to a matrix; `plain`: its numbers are the request's own.

    `sparse`: the model may have a sparse matrix here, in which no estimator takes NaN. `known`: a column's categories.
    """

    shape: Shape
    call: Callable[[Any], Any]
    plain: bool = False
    sparse: bool = False
    known: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimator:
    """A compiled estimator: `methods` take a finite matrix (rows, features).

    `takes_nan`: NaN is an input like others. `checks_itself`: it finds out by itself what is not finite. `most_rows`:
    beyond it the model itself is as quick. `edges`: pairs of feature and threshold, where answers change.
    """

    name: str
    methods: Mapping[str, Callable[[Matrix], Answer]]
    takes_nan: bool = False
    checks_itself: bool = False
    takes_single: bool = False
    most_rows: int = 1 << 30
    edges: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Compiled:
    """A candidate: `answer(rows, method)` is what `method` of the model answers, for each of `methods`.

    It raises `Unfit` for an input that it leaves to the model. `with_shares`: labels bring their probabilities
    along, where the model has any. `known`: for some columns, values at which answers change: categories, thresholds.
    """

    name: str
    methods: frozenset[str]
    answer: Callable[[Rows, str], Answer]
    with_shares: bool = False
    known: Mapping[str, Array] = field(default_factory=dict)


def kind(model: Any) -> str:
    """The name of a class of scikit-learn's or of Cuelight's pipelines.

    Of any other's, empty: it may do anything. So may an instance that was given a method of its own.
    """
    cls = type(model)
    known = cls.__module__.startswith(("sklearn.", "cuelight.pipelines."))
    return cls.__name__ if known and _METHODS.isdisjoint(getattr(model, "__dict__", ())) else ""


def without_names(model: Any) -> Any:
    """A shallow copy that takes arrays without a warning."""
    clone = copy.copy(model)
    vars(clone).pop("feature_names_in_", None)
    return clone
