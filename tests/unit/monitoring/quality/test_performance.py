from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, r2_score, root_mean_squared_error

from cuelight.monitoring.quality.performance import ABSOLUTE_ERROR, ERROR_RATE, LOG_LOSS, measure, welch
from tests.unit.monitoring.tables import scored


def classified(rows: int, seed: int, concept: bool = False) -> pd.DataFrame:
    """Calibrated probabilities of two classes; with `concept` the truth no longer follows them."""
    generator = np.random.default_rng(seed)
    chance = generator.beta(2, 2, rows)
    truth = generator.random(rows) < (1.0 - chance if concept else chance)
    return pd.DataFrame(
        {
            "output.prediction": (chance > 0.5).astype(int),
            "output.proba.0": 1.0 - chance,
            "output.proba.1": chance,
            "label": truth.astype(int),
        }
    )


def test_regression_figures_are_scikit_learns() -> None:
    """MAE, RMSE and R2 of the labelled rows equal scikit-learn's on the same rows."""
    frame = scored(700, 2)
    found = measure(scored(900, 1), frame)
    truth, answer = frame["label"], frame["output.prediction"]
    assert found is not None
    assert found.loss == ABSOLUTE_ERROR
    assert found.metrics["mae"] == pytest.approx(mean_absolute_error(truth, answer))
    assert found.metrics["rmse"] == pytest.approx(root_mean_squared_error(truth, answer))
    assert found.metrics["r2"] == pytest.approx(r2_score(truth, answer))


def test_classification_figures_are_scikit_learns() -> None:
    """Log loss and accuracy of the labelled rows equal scikit-learn's on the same rows."""
    frame = classified(700, 2)
    found = measure(classified(900, 1), frame)
    assert found is not None
    assert found.loss == LOG_LOSS
    assert found.current == pytest.approx(log_loss(frame["label"], frame[["output.proba.0", "output.proba.1"]]))
    assert found.metrics["accuracy"] == pytest.approx((frame["label"] == frame["output.prediction"]).mean())


def test_concept_drift_is_seen_on_labels() -> None:
    """When the truth no longer follows the features, quality is lost, though no feature moved."""
    regression, classes = (
        measure(scored(2000, 1), scored(600, 2, concept=0.5)),
        measure(classified(2000, 1), classified(600, 2, concept=True)),
    )
    assert regression is not None
    assert classes is not None
    assert (regression.lost, classes.lost) == (True, True)


def test_a_regression_that_answers_few_values_can_lose_quality() -> None:
    """A small tree's answers are a handful of numbers: it is judged by its error, not by how often it is exact."""
    before, now = (
        frame.assign(**{"output.prediction": (frame["output.prediction"] > 0) * 3.0})
        for frame in (scored(900, 1), scored(700, 2, concept=4.0))
    )
    found = measure(before, now)
    assert found is not None
    assert (found.loss, found.lost) == (ABSOLUTE_ERROR, True)


def test_quality_is_rarely_lost_by_chance() -> None:
    """Without drift at most 3 % of windows seem to have lost quality (the test is one-sided at 1 %)."""
    lost = 0
    for seed in range(200):
        found = measure(scored(1500, seed), scored(500, 10_000 + seed))
        lost += found is not None and found.lost
    assert lost / 200 <= 0.03


@pytest.mark.parametrize(
    "spelling",
    [
        lambda x: x.astype(float),
        lambda x: x.astype(str),
        lambda x: x.astype(bool),
        lambda x: x.astype(bool).astype(object),
    ],
)
def test_labels_are_read_however_they_were_typed(spelling: Any) -> None:
    """1, 1.0, "1" and True are one class: the way labels came back changes no figure."""
    plain = classified(500, 2)
    respelled = plain.assign(label=spelling(plain["label"]))
    reference = classified(900, 1)
    assert measure(reference, respelled) == measure(reference, plain)
    words = [each.drop(columns=["output.proba.0", "output.proba.1"]) for each in (reference, plain, respelled)]
    found = measure(words[0], words[2])
    assert found == measure(words[0], words[1])
    assert found is not None
    assert found.loss == ERROR_RATE


def test_without_labels_there_is_no_figure() -> None:
    """No labels in the window, or in the reference (clustering), give None and not a zero."""
    frame = scored(500, 1)
    assert measure(frame, frame.drop(columns="label")) is None
    assert measure(frame.drop(columns="label"), frame) is None
    assert measure(frame, frame.iloc[:0]) is None
    assert measure(frame, frame.assign(label=None)) is None


def test_few_labels_decide_nothing() -> None:
    """Fewer than 100 labelled rows never count as lost quality, however bad they are."""
    found = measure(scored(2000, 1), scored(60, 2, concept=5.0))
    assert found is not None
    assert found.z > 2.33
    assert not found.lost


def test_losses_without_spread_are_compared() -> None:
    """A perfect reference and a perfect window differ by nothing; a worse one by a lot, without a division by zero."""
    assert welch(np.zeros(10), np.zeros(10)) == 0.0
    assert welch(np.zeros(10), np.ones(10)) > 100
