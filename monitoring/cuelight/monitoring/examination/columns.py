"""Columns made comparable: two tables as pairs of plain arrays, with the nulls counted apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

INPUT, OUTPUT, PREDICTION, PROBABILITY = "input.", "output.", "output.prediction", "output.proba."
PERSONAL = "personal."  # stands for `input.` where the journal does not hold the values
LABEL = "label"
# A number with so few values is a code or a flag: the test for categories sees more in it than the one for numbers.
FEW_LEVELS = 10

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Kind(StrEnum):
    """How a column is tested; JOINT: no column, but how all that the model got hangs together."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    JOINT = "joint"


@dataclass(frozen=True)
class Column:
    """One column of the reference (n rows) and of the window (m rows).

    Numeric: float64 with NaN for what is null or not finite. Categorical: int64 codes into `levels`, -1 for null.
    """

    name: str
    kind: Kind
    reference: npt.NDArray[Any]
    current: npt.NDArray[Any]
    levels: tuple[str, ...] = ()

    @property
    def is_output(self) -> bool:
        """Made by the model, not given to it."""
        return self.name.startswith(OUTPUT)

    def present(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which of `values` (the reference's or the window's) are not null."""
        return ~np.isnan(values) if self.kind is Kind.NUMERIC else values >= 0


def watched(names: Mapping[Any, Any] | Any) -> list[str]:
    """The names that are compared, in their order: what the model got and what it answered, never the label."""
    return [str(name) for name in names if str(name).startswith((INPUT, OUTPUT))]


def is_number(series: pd.Series[Any]) -> bool:
    """Numbers and booleans, nullable and Arrow types included; complex numbers are not."""
    from pandas.api import types

    return bool(types.is_numeric_dtype(series) or types.is_bool_dtype(series)) and not types.is_complex_dtype(series)


def is_text(series: pd.Series[Any]) -> bool:
    """Strings and categories: what is compared by its levels."""
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype) or types.is_string_dtype(series):
        return True
    if not types.is_object_dtype(series):
        return False
    return all(isinstance(each, str | bool) for each in series.dropna().unique()) if _hashable(series) else False


def numbers(series: pd.Series[Any]) -> Floats:
    """Float64 of any numeric type; null and what is not finite become NaN."""
    import pandas as pd

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64)
    else:
        values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    return cast("Floats", values if finite.all() else np.where(finite, values, np.nan))


def texts(series: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Levels as text, None for null: 1, 1.0 and True of a numeric column are one level, `1`."""
    codes, names = coded(series)
    return np.array([*names, None], dtype=object)[codes]


def coded(series: pd.Series[Any]) -> tuple[Codes, list[str]]:
    """Codes (n,) into the levels as text, in the order in which they come first; -1 for null."""
    import pandas as pd

    if is_number(series):
        codes, unique = pd.factorize(numbers(series))
        return codes.astype(np.int64), [_number_text(each) for each in unique]
    hashable = series.map(str, na_action="ignore") if series.dtype == object else series
    codes, unique = pd.factorize(hashable)
    return codes.astype(np.int64), [str(each) for each in unique]


def kind_of(series: pd.Series[Any]) -> Kind | None:
    """How a reference column is tested; None where no test fits (dates, lists, bytes, nothing but nulls)."""
    if not series.notna().any():
        return None
    if is_number(series):
        values = numbers(series)
        distinct = np.unique(values[~np.isnan(values)])
        if not distinct.size:
            return None
        return Kind.CATEGORICAL if distinct.size <= FEW_LEVELS else Kind.NUMERIC
    return Kind.CATEGORICAL if is_text(series) else None


def pair(name: str, kind: Kind, reference: pd.Series[Any], current: pd.Series[Any]) -> Column:
    """Both sides of one column as arrays of its kind."""
    if kind is Kind.NUMERIC:
        return Column(name, kind, numbers(reference), numbers(current))
    (before, old), (now, new) = coded(reference), coded(current)
    position = {level: code for code, level in enumerate(dict.fromkeys([*old, *new]))}
    to_before, to_now = (np.array([*(position[level] for level in side), -1]) for side in (old, new))
    return Column(name, kind, to_before[before], to_now[now], tuple(position))


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _hashable(series: pd.Series[Any]) -> bool:
    return all(getattr(each, "__hash__", None) is not None for each in series.dropna())
