"""What two models cost beside each other: the time to predict the same rows, and their bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.pipelines.gate import Costs

if TYPE_CHECKING:
    import pandas as pd

_ROWS, _TURNS = 500, 7


def costs(champion: tuple[Any, pd.DataFrame], challenger: tuple[Any, pd.DataFrame]) -> Costs:
    """Of two estimators, each with the same rows in the columns that it knows.

    They predict in turn, so that what else the machine does meets both; the medians of seven turns count.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(_TURNS + 1):
        for times, (estimator, features) in zip(taken, (champion, challenger), strict=True):
            start = time.perf_counter()
            estimator.predict(features.iloc[:_ROWS])
            if turn:  # the first one warms up
                times.append(time.perf_counter() - start)
    seconds = float(np.median(taken[0])), float(np.median(taken[1]))
    return Costs(seconds, (_size(champion[0]), _size(challenger[0])), min(_ROWS, len(challenger[1])))


def _size(estimator: Any) -> int:
    import cloudpickle

    return len(cloudpickle.dumps(estimator))
