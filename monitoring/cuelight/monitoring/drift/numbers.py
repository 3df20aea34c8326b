"""The two tests of numbers, on many splits of the same values: for a window, and for its calibration.

Kolmogorov and Smirnov's sees any change in time, but one of spread late: its gap is widest in the middle. A test of
Lepage's kind (1971) sees changes of place and of spread early, and no others: it adds Wilcoxon's statistic of ranks
to Mood's (1954) of their squares. Together they find what either does, for a little of either's power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cuelight.monitoring.examination.columns import Floats

Bools = npt.NDArray[np.bool_]
_LN_4 = float(np.log(4.0))


@dataclass(frozen=True)
class Pool:
    """Values of both sides together, in one order.

    Attributes:
        order: positions of the values by size (n,).
        last: where in that order each distinct value ends (k,).
        traits: of each value, in the order they came (n, 2): its rank and the square of it, each centred, turned so
            that without drift the two sums over a part are independent and of one variance.
    """

    order: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    traits: Floats


@dataclass(frozen=True)
class Split:
    """How far a part of the values is from the rest.

    Attributes:
        gap: largest difference of the two distribution functions.
        kolmogorov: the gap times sqrt(nm / (n + m)).
        lepage: root of Lepage's statistic, which without drift is chi-square with two degrees of freedom.
    """

    gap: float
    kolmogorov: float
    lepage: float

    @property
    def score(self) -> float:
        """The larger of the two on one scale: sqrt(-2 ln p), which for Kolmogorov's p of about 2 exp(-2 k^2) is 2 k."""
        return max(self.lepage, float(np.sqrt(max(0.0, 4.0 * self.kolmogorov**2 - _LN_4))))


def pooled_values(values: Floats) -> Pool:
    """What all splits of these values (n,), without NaN, have in common."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # the steps between ties are no values
    first = np.append(0, last[:-1] + 1)
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((first + last) / 2.0, last - first + 1)
    ranks -= ranks.mean()
    return Pool(order, last, _independent(np.stack([ranks, ranks**2 - (ranks**2).mean()], axis=1)))


def split(pool: Pool, part: Bools) -> Split:
    """Compare the values in `part` (n,) with those that are not; neither side may be empty."""
    n, m = len(part), int(part.sum())
    inside = np.cumsum(part[pool.order])[pool.last]
    gap = float(np.abs(inside / m - (pool.last + 1 - inside) / (n - m)).max())
    size = m * (n - m) / n
    sums = pool.traits[part].sum(axis=0)
    return Split(gap, gap * float(np.sqrt(size)), float(np.sqrt((sums**2).sum() / size)))


def p_value(found: Split, size: float) -> float:
    """The smaller p-value of the two tests, doubled since there are two; `size` is nm / (n + m).

    Kolmogorov-Smirnov's is asymptotic, as SciPy has it; Lepage's goes by the permutation moments of its two
    statistics, so ties change nothing.
    """
    from scipy import special, stats

    kolmogorov = stats.kstwo.sf(min(1.0, found.gap), max(1, round(size)))
    lepage = special.chdtrc(2, found.lepage**2)
    return float(min(1.0, 2.0 * min(kolmogorov, lepage)))


def _independent(traits: Floats) -> Floats:
    """Traits (n, 2) turned and scaled to the identity as covariance; what does not vary becomes 0."""
    covariance = traits.T @ traits / max(1, len(traits) - 1)
    variances, axes = np.linalg.eigh(covariance)
    scale = np.where(variances > 1e-9 * max(1e-300, float(variances.max())), variances, np.inf) ** -0.5
    scaled: Floats = traits @ (axes * scale)
    return scaled
