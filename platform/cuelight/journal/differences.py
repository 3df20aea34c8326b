"""How the answers of two versions to the same rows differ: labels by class, numbers by their differences. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cuelight.journal.answers import Labels, Numbers
from cuelight.journal.quality import Floats, class_numbers

OTHERS = "(others)"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOLERANCE = 0.01  # of the range in which the old version's middle nine tenths lie
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """One row on which they differ. `size`: of the numbers, or the largest difference of a class's probability."""

    place: int
    old: str | float | None
    new: str | float | None
    size: float | None


@dataclass(frozen=True)
class ByClass:
    """Labels compared.

    Attributes:
        agreement: share of the rows with equal labels.
        counts: rows by the old version's class, and in it by the new one's, both in the order of `classes`.
        of_class: of the rows of one of the old version's classes, the share that the new one gives the same.
        gaps: mean absolute difference of each class's probability, over the rows where both gave one.
    """

    rows: int
    agreement: float
    classes: Sequence[str]
    counts: Sequence[Sequence[int]]
    of_class: Mapping[str, float]
    gaps: Mapping[str, float]


@dataclass(frozen=True)
class ByNumber:
    """Numbers compared; differences are the new version's minus the old one's.

    Attributes:
        agreement: share of the rows that differ by at most `tolerance`, or have an answer from neither.
        unanswered: rows to which at least one gave no number; the figures below leave them out.
        quantiles: of the differences, by their level.
        rmse: root of the mean squared difference.
        correlation: Pearson's; None where one of them always answers the same.
    """

    rows: int
    agreement: float
    tolerance: float
    unanswered: int
    quantiles: Mapping[float, float]
    mean: float | None
    rmse: float | None
    correlation: float | None


def by_class(given: Labels) -> ByClass:
    """Compare labels."""
    sides = given.old.labels, given.new.labels
    number = class_numbers({*sides[0], *sides[1]})
    old, new = (np.array([number[each] for each in side], dtype=np.int64) for side in sides)
    counts = np.zeros((len(number), len(number)), dtype=np.int64)
    np.add.at(counts, (old, new), 1)
    gaps = _gaps(given)
    order = sorted(number, key=number.__getitem__)
    totals = counts.sum(axis=1)
    return ByClass(
        rows=len(old),
        agreement=float(np.mean(old == new)) if len(old) else 1.0,
        classes=order,
        counts=counts.tolist(),
        of_class={name: float(counts[i, i] / totals[i]) for i, name in enumerate(order) if totals[i]},
        gaps={name: float(np.nanmean(gap)) for name, gap in gaps.items() if np.isfinite(gap).any()},
    )


def frequent(found: ByClass, most: int) -> ByClass:
    """The same for at most so many classes: the rarest are taken together as `OTHERS`."""
    if len(found.classes) <= most:
        return found
    counts = np.array(found.counts)
    kept = np.sort(np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[: most - 1])
    group = np.full(len(counts), most - 1)
    group[kept] = np.arange(most - 1)
    merged = np.zeros((most, most), dtype=np.int64)
    np.add.at(merged, (group[:, None], group[None, :]), counts)
    others = group == most - 1
    total, equal = int(counts[others].sum()), int(np.diag(counts)[others].sum())
    names = [found.classes[each] for each in kept]
    return replace(
        found,
        classes=[*names, OTHERS],
        counts=merged.tolist(),
        of_class={name: share for name, share in found.of_class.items() if name in names}
        | ({OTHERS: equal / total} if total else {}),
        gaps={name: gap for name, gap in found.gaps.items() if name in names},
    )


def by_number(given: Numbers, tolerance: float) -> ByNumber:
    """Compare numbers; the tolerance is in their unit."""
    difference, distance = given.new - given.old, _distance(given)
    answered = np.isfinite(difference)
    known = difference[answered]
    quantiles = np.quantile(known, QUANTILES).tolist() if len(known) else []
    return ByNumber(
        rows=len(difference),
        agreement=float(np.mean(distance <= tolerance)) if len(distance) else 1.0,
        tolerance=tolerance,
        unanswered=int(np.sum(~answered)),
        quantiles=dict(zip(QUANTILES, quantiles, strict=False)),
        mean=float(known.mean()) if len(known) else None,
        rmse=float(np.sqrt(np.mean(known**2))) if len(known) else None,
        correlation=_correlation(given.old[answered], given.new[answered]),
    )


def differing(given: Labels | Numbers, top: int, tolerance: float = 0.0) -> list[Difference]:
    """So many of the rows that differ most: other labels before other shares; numbers beyond the tolerance."""
    if isinstance(given, Numbers):
        found = _furthest(_distance(given), tolerance, top)
        size = given.new - given.old
        return [
            Difference(each, _plain(given.old[each]), _plain(given.new[each]), _plain(size[each])) for each in found
        ]
    old, new, gaps = given.old.labels, given.new.labels, _gaps(given)
    largest = np.fmax.reduce(list(gaps.values())) if gaps else np.full(len(old), np.nan)
    other = np.array([one != two for one, two in zip(old, new, strict=True)], dtype=np.float64)
    found = _furthest(2.0 * other + np.nan_to_num(largest), _ROUNDING, top)
    return [Difference(each, old[each], new[each], _plain(largest[each])) for each in found]


def usual_tolerance(old: Floats) -> float:
    """A hundredth of the range between the old version's 5 % and 95 % quantiles, and never less than rounding."""
    known = old[np.isfinite(old)]
    if not len(known):
        return 0.0
    low, high = np.quantile(known, (0.05, 0.95))
    return float(max(_TOLERANCE * (high - low), _ROUNDING * np.abs(known).max()))


def _gaps(given: Labels) -> dict[str, Floats]:
    """Absolute differences of the probabilities, by class that both know."""
    both = [name for name in given.old.shares if name in given.new.shares]
    return {name: np.abs(given.new.shares[name] - given.old.shares[name]) for name in both}


def _distance(given: Numbers) -> Floats:
    """How far the numbers are apart: endlessly where only one gave one, not at all where neither did."""
    old, new = (np.isfinite(each) for each in (given.old, given.new))
    return np.where(old & new, np.abs(given.new - given.old), np.where(old == new, 0.0, np.inf))


def _correlation(old: Floats, new: Floats) -> float | None:
    if len(old) < 2 or np.ptp(old) == 0 or np.ptp(new) == 0:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # of numbers that differ by rounding only
        return _plain(np.corrcoef(old, new)[0, 1])


def _furthest(distance: Floats, least: float, top: int) -> list[int]:
    """Places of the largest distances above `least`, the largest first."""
    order = np.argsort(-distance, kind="stable")[:top]
    return [int(place) for place in order if distance[place] > least]


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
