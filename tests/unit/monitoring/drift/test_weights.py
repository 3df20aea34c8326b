from __future__ import annotations

import pytest

from cuelight.monitoring.drift.weights import _shares, weights
from cuelight.monitoring.examination.examination import examine
from tests.unit.monitoring.tables import scored


def test_what_the_model_ignores_weighs_nothing() -> None:
    """Shares add up to one, and a feature that the predictions do not depend on has next to none of them."""
    frame = scored(3000, 1)
    found = weights(frame, examine(frame, frame).columns)
    assert found is not None
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["input.unused"] < 0.02
    assert found["input.used"] > 0.8


def test_a_model_that_always_answers_the_same_has_no_weights() -> None:
    """Constant predictions say nothing about the features: the weights are unknown, not zero."""
    frame = scored(500, 1).assign(**{"output.prediction": 1.0})
    assert weights(frame, examine(frame, frame).columns) is None


def test_one_reference_is_fitted_once() -> None:
    """Again with other windows the forest is remembered; one other value is another reference."""
    frame = scored(600, 3)
    other = frame.copy()
    other.loc[0, "input.used"] += 1.0
    first = weights(frame, examine(frame, scored(600, 4)).columns)
    fitted = _shares.cache_info().misses
    assert weights(frame, examine(frame, scored(600, 5)).columns) == first
    assert _shares.cache_info().misses == fitted
    assert weights(other, examine(other, frame).columns) != first
    assert _shares.cache_info().misses == fitted + 1


def test_classes_have_weights_too() -> None:
    """A version that answers words gives weights as well."""
    frame = scored(2000, 1)
    frame["output.prediction"] = (frame["input.used"] > 0).map({True: "high", False: "low"})
    found = weights(frame, examine(frame, frame).columns)
    assert found is not None
    assert found["input.used"] > 0.9
