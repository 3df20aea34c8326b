"""Data quality of a window against its reference; what passes is what can be tested.

Bad data alerts and never retrains: a model trained on it would learn the fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.monitoring.examination.columns import (
    INPUT,
    OUTPUT,
    PERSONAL,
    Column,
    Floats,
    Kind,
    is_number,
    kind_of,
    numbers,
    pair,
    texts,
    watched,
)
from cuelight.monitoring.examination.findings import Fault, Finding

if TYPE_CHECKING:
    import pandas as pd

# More nulls than the reference by so many points, and by so many standard errors, is a fault of the data.
MISSING_POINTS, MISSING_Z = 0.10, 4.0
# A window with more rows than this share in levels that the reference never had, on top of those that come where many
# levels are rare, speaks another language.
UNSEEN_SHARE = 0.20
# What happens to a sound window with a smaller chance than this is a fault.
_CHANCE = 1e-4
# Numbers further outside the reference's range than it is wide are of another unit or stand for "unknown", if there are
# more of them than this share, and than chance makes: more than k/n of other rows lie beyond the largest of n with a
# probability of exp(-k).
OUT_SHARE, _OUT_COUNT = 0.01, 10.0
# Text whose values hardly repeat names things, it does not describe them.
NAMES_SHARE = 0.5


@dataclass(frozen=True)
class Examination:
    """The findings, and the columns that a test (and Evidently) can take."""

    findings: tuple[Finding, ...]
    columns: tuple[Column, ...]

    @property
    def alerts(self) -> tuple[Finding, ...]:
        """The findings that make the window bad data."""
        return tuple(each for each in self.findings if each.alert)


def examine(reference: pd.DataFrame, current: pd.DataFrame, group: str = "", clustering: float = 1.0) -> Examination:
    """Look at every column of either side; names must be unique.

    Args:
        reference, current: in the journal's columns.
        group: the column that says which rows belong together; it is no feature, and not looked at.
        clustering: rows that belong together, on average: so many tell no more than one may.
    """
    findings: list[Finding] = []
    columns: list[Column] = []
    answered = _answers_otherwise(current)
    for name in watched(reference.columns):
        if name == group:
            findings.append(Finding(name, Fault.NOT_TESTED, False, f"{name} says which rows belong together"))
            continue
        if PERSONAL + name.removeprefix(INPUT) in current.columns:
            findings.append(Finding(name, Fault.NOT_TESTED, False, f"{name} is personal: the journal does not hold it"))
            continue
        if name not in current.columns:
            findings.append(Finding(name, Fault.MISSING_COLUMN, not answered(name), f"{name} is not in the window"))
            continue
        found, column = _examine_column(name, reference[name], current[name], clustering)
        findings.extend(replace(each, alert=each.alert and not answered(name)) for each in found)
        if column is not None:
            columns.append(column)
    extra = [name for name in watched(current.columns) if name not in reference.columns]
    findings.extend(Finding(name, Fault.NEW_COLUMN, False, f"{name} is not in the reference") for name in extra)
    return Examination(tuple(findings), tuple(columns))


def _answers_otherwise(current: pd.DataFrame) -> Callable[[str], bool]:
    """Whether an output may be absent: callers may ask for labels or for probabilities, and get just those."""
    given = {name for name in watched(current.columns) if name.startswith(OUTPUT) and current[name].notna().any()}
    return lambda name: name.startswith(OUTPUT) and bool(given - {name})


def _examine_column(
    name: str, reference: pd.Series[Any], current: pd.Series[Any], clustering: float
) -> tuple[list[Finding], Column | None]:
    kind = kind_of(reference)
    if kind is None:
        text = f"{name} is all null or of a type without a test in the reference"
        return [Finding(name, Fault.NOT_TESTED, False, text)], None
    if not current.notna().any():
        usual = _by_chance(reference.notna().sum() / clustering, len(reference), len(current))
        return [Finding(name, Fault.ALL_NULL, not usual, f"{name} is null in the whole window")], None
    if is_number(reference) and not is_number(current):
        text = f"{name} holds {current.dtype} where the reference holds {reference.dtype}"
        return [Finding(name, Fault.TYPE_CHANGED, True, text)], None
    if not is_number(reference) and is_number(current):
        text = f"{name} holds numbers where the reference holds text"
        return [Finding(name, Fault.TYPE_CHANGED, True, text)], None
    column = pair(name, kind, reference, current)
    if not column.present(column.current).any():
        return [Finding(name, Fault.NOT_FINITE, True, f"{name} has no finite value in the window")], None
    findings = [*_missing(column, clustering), *_not_finite(column, current)]
    if is_number(reference):
        findings += _out_of_range(name, numbers(reference), numbers(current), clustering)
    if kind is Kind.CATEGORICAL and not is_number(reference) and _names_things(reference):
        text = f"{name} hardly repeats a value in the reference: an identifier, not a feature"
        return [*findings, Finding(name, Fault.NOT_TESTED, False, text)], None
    return [*findings, *_unseen(column, is_number(reference), clustering), *_constant(column, clustering)], column


def _missing(column: Column, clustering: float) -> list[Finding]:
    before, now = (1.0 - column.present(side).mean() for side in (column.reference, column.current))
    n, m = len(column.reference) / clustering, len(column.current) / clustering
    overall = (before * n + now * m) / (n + m)
    error = max(1e-9, float(np.sqrt(overall * (1.0 - overall) * (1.0 / n + 1.0 / m))))
    if now - before <= MISSING_POINTS or (now - before) / error <= MISSING_Z:
        return []
    text = f"{column.name} is missing in {now:.0%} of the rows, in the reference in {before:.0%}"
    return [Finding(column.name, Fault.MISSING_VALUES, True, text)]


def _not_finite(column: Column, current: pd.Series[Any]) -> list[Finding]:
    if column.kind is not Kind.NUMERIC:
        return []
    count = int(current.notna().sum() - column.present(column.current).sum())
    text = f"{column.name} is infinite in {count} rows"
    return [Finding(column.name, Fault.NOT_FINITE, False, text)] if count else []


def _out_of_range(name: str, reference: Floats, current: Floats, clustering: float) -> list[Finding]:
    """Impossible numbers of a feature; what is not far out may be drift, and what a model answers is its own doing."""
    before, now = reference[~np.isnan(reference)], current[~np.isnan(current)]
    low, high = float(before.min()), float(before.max())
    width = high - low
    share = float(((now < low - width) | (now > high + width)).mean())
    if name.startswith(OUTPUT) or not share or not width:
        return []
    furthest = float(now[np.abs(now - (low + high) / 2).argmax()])
    usual = f"{low:.4g} to {high:.4g} of the reference"
    text = f"{name} has {share:.1%} of its values far outside {usual}, such as {furthest:.4g}"
    alert = share > max(OUT_SHARE, _OUT_COUNT * clustering / len(before))
    return [Finding(name, Fault.OUT_OF_RANGE, alert, text)]


def _unseen(column: Column, number: bool, clustering: float) -> list[Finding]:
    """New levels of a feature. Many new words are bad data; new numbers, and new answers of the model, may be drift."""
    if column.kind is not Kind.CATEGORICAL or column.name.startswith(OUTPUT):
        return []
    present = column.current[column.current >= 0]
    new = ~np.isin(present, np.unique(column.reference))
    share = float(new.mean())
    if not share:
        return []
    counts = np.bincount(present[new])
    largest = ", ".join(column.levels[code] for code in np.argsort(-counts)[:3] if counts[code])
    # The share of rows in levels seen once is what is to come in levels never seen (Good 1953).
    known = np.bincount(column.reference[column.reference >= 0])
    expected = float(known[known <= clustering].sum() / max(1, known.sum()))
    text = f"{column.name} has {share:.1%} of its rows in levels the reference never had ({largest})"
    return [Finding(column.name, Fault.UNSEEN_LEVELS, share > UNSEEN_SHARE + expected and not number, text)]


def _constant(column: Column, clustering: float) -> list[Finding]:
    """A continuous column that stands still is a stuck source; a flag that does is perhaps another population."""
    present = column.current[column.present(column.current)]
    before = column.reference[column.present(column.reference)]
    if np.ptp(present) or not np.ptp(before):
        return []
    usual = _by_chance((before != present[0]).sum() / clustering, len(before), len(present))
    alert = column.kind is Kind.NUMERIC and not usual
    return [Finding(column.name, Fault.CONSTANT, alert, f"{column.name} has one value in the whole window")]


def _by_chance(others: float, before: int, rows: int) -> bool:
    """Whether `others` rows of the reference, of a kind that the window has none of, may well all lie in the reference.

    Each lies there with a probability of before / (before + rows), where rows could have come in any order.
    """
    return bool((before / (before + rows)) ** others > _CHANCE)


def _names_things(reference: pd.Series[Any]) -> bool:
    values = texts(reference)
    present = values[values != None]  # noqa: E711 (element by element)
    return len(present) > 0 and len(set(present)) / len(present) > NAMES_SHARE
