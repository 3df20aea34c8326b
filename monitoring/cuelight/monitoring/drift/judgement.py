"""Which columns drifted: the corrected test and the calibrated score must agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cuelight.monitoring.drift.calibration import Null, Nulls, calibrate
from cuelight.monitoring.drift.dependence import TOGETHER, Dependence, design, tell_apart
from cuelight.monitoring.drift.statistics import Comparison, adjusted, compare
from cuelight.monitoring.examination.columns import Column, Kind


@dataclass(frozen=True)
class ColumnDrift:
    """What is known about one column of a window, or about the columns together.

    Attributes:
        adjusted_p: Benjamini-Hochberg adjusted p-value over all tests of the report.
        z: standard deviations of its score above driftless windows.
        weight: share of the model's answer that this column carries (all features add up to 1); None: not known.
        carriers: of the columns together, those whose dependence has changed, the most telling first.
    """

    name: str
    kind: Kind
    comparison: Comparison
    adjusted_p: float
    z: float
    drifted: bool
    suspicious: bool
    is_output: bool
    weight: float | None = None
    carriers: tuple[str, ...] = ()

    @property
    def is_joint(self) -> bool:
        """Not a column, but how the columns hang together."""
        return self.kind is Kind.JOINT

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to look at."""
        return self.carriers if self.is_joint else (self.name,)

    @property
    def label(self) -> str:
        """What it is called in a sentence."""
        named = " and ".join(self.carriers[:2]) or "the columns"
        return f"how {named} hang together" if self.is_joint else self.name


@dataclass(frozen=True)
class Measured:
    """One test and its calibrated score, before anything is corrected for how many there are."""

    name: str
    kind: Kind
    comparison: Comparison
    z: float
    is_output: bool
    weight: float | None = None
    carriers: tuple[str, ...] = ()


def measure(
    columns: Sequence[Column], weights: Mapping[str, float] | None = None, nulls: Nulls | None = None
) -> list[Measured]:
    """Test and calibrate each column of one reference and one window, and what the model got of them together.

    Args:
        columns: all of the report.
        weights: by column name, when it is known what the model uses.
        nulls: a calibration made before for this reference and window size; made here without it.
    """
    if not columns:
        return []
    if nulls is None:
        nulls = calibrate(columns, len(columns[0].current))
    measured = [_measured(column, nulls[column.name], weights) for column in columns]
    made = design(columns) if TOGETHER in nulls else None
    return measured if made is None else [*measured, _together(tell_apart(made), nulls[TOGETHER], weights)]


def corrected(families: Sequence[Sequence[Measured]], q: float, z: float) -> list[list[ColumnDrift]]:
    """The drift of each family's columns, the most drifted first; p-values are corrected over all families as one.

    Args:
        families: the columns of each window that is judged at once, such as the segments of one.
        q: false-discovery rate of the corrected tests.
        z: calibrated score above which a column has drifted.
    """
    p_values = iter(adjusted([each.comparison.p_value for family in families for each in family]))
    found = [[_judged(each, float(next(p_values)), q, z) for each in family] for family in families]
    return [sorted(family, key=lambda each: (not each.drifted, -each.z)) for family in found]


def judge(
    columns: Sequence[Column],
    q: float,
    z: float,
    weights: Mapping[str, float] | None = None,
    nulls: Nulls | None = None,
) -> list[ColumnDrift]:
    """Measure and correct the columns of one window; the most drifted come first. Arguments as of those two."""
    return corrected([measure(columns, weights, nulls)], q, z)[0]


def _measured(column: Column, null: Null, weights: Mapping[str, float] | None) -> Measured:
    comparison = compare(column)
    if null.tail is not None:
        comparison = replace(comparison, p_value=null.tail.p_value(comparison.score))
    weight = None if weights is None or column.is_output else weights.get(column.name, 0.0)
    return Measured(column.name, column.kind, comparison, null.z(comparison.score), column.is_output, weight)


def _together(found: Dependence, null: Null, weights: Mapping[str, float] | None) -> Measured:
    from scipy import special

    weight = None if weights is None else sum(weights.get(name, 0.0) for name in found.carriers)
    score = found.comparison.score
    # Rows of one group on both sides of the halves make a coin seem to know something: its null says how much.
    p_value = float(special.ndtr((max(0.0, null.mean) - score) / max(1.0, null.sd)))
    comparison = replace(found.comparison, p_value=p_value)
    return Measured(TOGETHER, Kind.JOINT, comparison, null.z(score), False, weight, found.carriers)


def _judged(each: Measured, adjusted_p: float, q: float, z: float) -> ColumnDrift:
    unlikely, far = bool(adjusted_p <= q), bool(each.z > z)
    return ColumnDrift(
        name=each.name,
        kind=each.kind,
        comparison=each.comparison,
        adjusted_p=adjusted_p,
        z=each.z,
        drifted=unlikely and far,
        suspicious=unlikely != far,
        is_output=each.is_output,
        weight=each.weight,
        carriers=each.carriers,
    )
