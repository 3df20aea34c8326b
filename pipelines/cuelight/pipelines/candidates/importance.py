"""What a model uses: by how much it gets worse when one column is shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuelight.pipelines.answers import Answers, Array, ask
from cuelight.pipelines.metrics import Metric, row_losses

_ROWS = 2000
_REPEATS = 3


def importance(estimator: Any, answers: Answers, primary: Metric, seed: int = 0) -> dict[str, float]:
    """Mean rise of the loss when a feature is permuted (Breiman, 2001); for clusterings the share of rows that move.

    Measured on at most 2,000 of the held-out rows. Below 0 means 0 within noise.
    """
    random = np.random.default_rng(seed)
    count = len(answers.prediction)
    if count > _ROWS:
        answers = answers.take(np.sort(random.choice(count, _ROWS, replace=False)))
    found = {}
    for name in answers.features.columns:
        rises = [_rise(estimator, answers, primary, name, random) for _ in range(_REPEATS)]
        found[str(name)] = float(np.mean(rises))
    return found


def _rise(estimator: Any, answers: Answers, primary: Metric, name: Any, random: np.random.Generator) -> float:
    order: Array = random.permutation(len(answers.prediction))
    shuffled = answers.features.copy()
    shuffled[name] = shuffled[name].to_numpy()[order]
    changed = ask(estimator, shuffled, answers.truth)
    if answers.truth is None:
        return float(np.mean(changed.prediction != answers.prediction))
    return float(np.mean(row_losses(changed, primary) - row_losses(answers, primary)))
