"""Which columns drifted: the corrected test and the calibrated score must agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cuelight.monitoring.drift.calibration import Null, calibrate
from cuelight.monitoring.drift.statistics import Comparison, adjusted, compare
from cuelight.monitoring.examination.columns import Column, Kind


@dataclass(frozen=True)
class ColumnDrift:
    """What is known about one column of a window.

    Attributes:
        adjusted_p: Benjamini-Hochberg adjusted p-value over all columns of the report.
        z: standard deviations of its score above driftless windows.
        weight: share of the model's answer that this column carries (all features add up to 1); None: not known.
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


def judge(
    columns: Sequence[Column],
    q: float,
    z: float,
    weights: Mapping[str, float] | None = None,
    nulls: Mapping[str, Null] | None = None,
) -> list[ColumnDrift]:
    """Test and calibrate all columns; the most drifted come first.

    Args:
        columns: all of one reference and one window.
        q: false-discovery rate of the corrected tests.
        z: calibrated score above which a column has drifted.
        weights: by column name, when it is known what the model uses.
        nulls: a calibration made before for this reference and window size; made here without it.
    """
    if not columns:
        return []
    if nulls is None:
        nulls = calibrate(columns, len(columns[0].current))
    compared = [compare(column) for column in columns]
    corrected = adjusted([each.p_value for each in compared])
    judged = []
    for column, comparison, p_value in zip(columns, compared, corrected, strict=True):
        score = nulls[column.name].z(comparison.score)
        unlikely, far = bool(p_value <= q), bool(score > z)
        judged.append(
            ColumnDrift(
                name=column.name,
                kind=column.kind,
                comparison=comparison,
                adjusted_p=float(p_value),
                z=score,
                drifted=unlikely and far,
                suspicious=unlikely != far,
                is_output=column.is_output,
                weight=None if weights is None or column.is_output else weights.get(column.name, 0.0),
            )
        )
    return sorted(judged, key=lambda each: (not each.drifted, -each.z))
