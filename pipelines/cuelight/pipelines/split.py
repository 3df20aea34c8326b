"""Which rows are fitted on, and which are held out to be evaluated on and to be the reference for drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array


@dataclass(frozen=True)
class Split:
    """Positions of rows, no row in both."""

    fit: Array
    held_out: Array


def split(count: int, share: float, seed: int, times: Array | None = None, groups: Array | None = None) -> Split:
    """Hold out `share` of `count` rows: the latest ones where times are known, else drawn (whole groups, if any).

    Rows of one time stay together, so every held-out row is strictly later than every fitted one.

    Raises:
        BadInput: one side would be empty.
    """
    if times is not None:
        cut = cut_time(times, share)
        return Split(np.flatnonzero(times <= cut), np.flatnonzero(times > cut))
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if groups is None:
        fit, held_out = train_test_split(np.arange(count), test_size=share, random_state=seed)
        return Split(fit, held_out)
    if len(np.unique(groups)) < 2:
        raise BadInput("All rows are of one group, so none can be held out: name another group column.")
    fit, held_out = next(
        GroupShuffleSplit(1, test_size=share, random_state=seed).split(np.arange(count), groups=groups)
    )
    return Split(fit, held_out)


def cut_time(times: Array, share: float) -> float:
    """The time up to which rows are fitted on: about `share` of the rows are strictly later, and at least one is.

    Raises:
        BadInput: all rows have one time.
    """
    ordered = np.sort(times)
    moments = np.unique(ordered)
    if len(moments) < 2:
        raise BadInput("All rows have the same event time, so none is later than another: nothing can be held out.")
    wanted = ordered[min(len(ordered) - 1, max(0, round(len(ordered) * (1.0 - share)) - 1))]
    return float(min(wanted, moments[-2]))
