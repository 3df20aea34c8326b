"""Tests of the shipped pipelines' data: what the demo's story rests on."""

from __future__ import annotations

import numpy as np
import pytest

from cuelight.kit.errors import ModelFault
from cuelight.pipelines.answers import ask
from cuelight.pipelines.data import prepare
from cuelight.pipelines.metrics import METRICS
from cuelight.pipelines.shipped import co2, doctor_visits, linear
from cuelight.pipelines.split import split


def test_the_classic_is_the_classic() -> None:
    """1,000 rows of 5 features from seed 42, and least squares finds them to within the noise."""
    frame = linear.load()
    assert frame.shape == (1000, 6)
    data = prepare(linear.pipeline, frame)
    parts = split(len(data), 0.2, 42)
    assert (len(parts.fit), len(parts.held_out)) == (800, 200)


def test_the_populations_differ_by_a_real_covariate_and_share_their_columns() -> None:
    """Who arrives pays a share, who was trained on does not, and the two together are the whole experiment."""
    trained_on, arriving = doctor_visits.populations()
    assert list(trained_on.columns) == list(arriving.columns)
    assert len(trained_on) + len(arriving) == 20_190
    assert trained_on["lncoins"].max() == 0.0 < arriving["lncoins"].min()
    assert arriving.equals(doctor_visits.populations()[1])
    assert not arriving["person"].is_monotonic_increasing


def test_the_model_fails_on_who_arrives_and_mends_by_their_rows() -> None:
    """Log loss is far worse on the arriving than on held-out rows of the old, and 1,000 fresh rows mend most of it."""
    pipeline = doctor_visits.pipeline
    trained_on, arriving = doctor_visits.populations()
    data = prepare(pipeline, trained_on)
    parts = split(len(data), pipeline.held_out, pipeline.seed, groups=data.groups)
    assert data.truth is not None
    features, truth = arriving[list(doctor_visits.FEATURES)], arriving["visited"].to_numpy()
    old = pipeline.estimator().fit(data.features.iloc[parts.fit], data.truth[parts.fit])
    fresh = np.concatenate([data.features.to_numpy(), features.to_numpy()[:1000]])
    new = pipeline.estimator().fit(
        type(data.features)(fresh, columns=data.features.columns), np.concatenate([data.truth, truth[:1000]])
    )

    def loss(model: object, rows: object, known: object) -> float:
        return METRICS["log_loss"].score(ask(model, rows, known))  # type: ignore[arg-type]

    before = loss(old, features[1000:], truth[1000:])
    assert loss(old, data.features.iloc[parts.held_out], data.truth[parts.held_out]) < 0.58
    assert before > 0.70
    assert loss(new, features[1000:], truth[1000:]) < 0.63


def test_weeks_are_in_order_and_none_looks_ahead() -> None:
    """A week's features are known by then: each equals what the series up to that week gives."""
    frame = co2.load()
    assert frame["week"].is_monotonic_increasing
    assert frame["change_4w"].iloc[co2.AHEAD :].to_numpy() == pytest.approx(
        frame["change"].iloc[: -co2.AHEAD].to_numpy()
    )


class Deaf:
    """An estimator with an answer that does not fit."""

    def __init__(self, answer: list[float]) -> None:
        self.answer = answer

    def predict(self, _rows: object) -> list[float]:
        """The same, whatever was asked."""
        return self.answer


@pytest.mark.parametrize(("answer", "words"), [([1.0, 2.0], "shape"), ([1.0, 2.0, float("nan")], "NaN")])
def test_an_answer_that_does_not_fit_is_the_models_fault(answer: list[float], words: str) -> None:
    """A wrong number of answers, or one that is not finite, is refused before anything is measured."""
    with pytest.raises(ModelFault, match=words):
        ask(Deaf(answer), linear.load().head(3), None)
