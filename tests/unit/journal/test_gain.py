from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from statsmodels.stats import contingency_tables

from cuelight.journal.answers import NOTHING, Classes, Labels, Numbers
from cuelight.journal.gain import gain, interval, mcnemar

_CLASSES = ["a", "b", "c"]


def _classifier(truth: Any, noise: float, seed: int) -> Classes:
    """Labels and probabilities that are right the less often the more noise there is."""
    scores = (np.array(_CLASSES)[None, :] == np.array(truth)[:, None]) + noise * np.random.default_rng(seed).normal(
        size=(len(truth), len(_CLASSES))
    )
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = [_CLASSES[each] for each in shares.argmax(axis=1)]
    return Classes(labels, {name: shares[:, place] for place, name in enumerate(_CLASSES)})


def _truth(count: int) -> list[str]:
    return [_CLASSES[each] for each in np.random.default_rng(0).integers(0, 3, count)]


def test_quality_of_both_is_scikit_learns_on_the_same_rows() -> None:
    """Those that have a label and an answer of both."""
    truth: list[Any] = _truth(200)
    old, new = _classifier(truth, 1.0, 1), _classifier(truth, 0.5, 2)
    old = Classes([NOTHING, *old.labels[1:]], old.shares)
    found = gain(Labels(old, new), [None if place == 9 else each for place, each in enumerate(truth)])
    assert found
    known = [place for place in range(200) if place not in (0, 9)]
    for given, figures in ((old, found.old), (new, found.new)):
        labels, right = [given.labels[each] for each in known], [truth[each] for each in known]
        values = np.stack([given.shares[name][known] for name in _CLASSES], axis=1)
        assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(right, labels))
        assert figures["log_loss"] == pytest.approx(metrics.log_loss(right, values, labels=_CLASSES))
        assert figures["f1"] == pytest.approx(metrics.f1_score(right, labels, average="macro"))
    assert found.rows == 198
    assert found.mean == pytest.approx(found.new["accuracy"] - found.old["accuracy"])
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.mean < found.high
    assert found.p is not None
    assert found.p < 0.01


def test_mcnemars_test_is_statsmodels() -> None:
    """The exact one, for every small split; equal versions are never told apart."""
    for old in range(12):
        for new in range(12):
            expected = contingency_tables.mcnemar([[50, old], [new, 50]], exact=True).pvalue if old + new else 1.0
            assert mcnemar(old, new) == pytest.approx(expected)


def test_numbers_are_compared_by_their_absolute_errors() -> None:
    """Against labels that are numbers, or texts of such; others are left out."""
    truth = np.linspace(0, 1, 50)
    given = Numbers(truth + 0.5, truth - 0.1)
    found = gain(given, [*map(float, truth[:48]), "0.98", "many"])
    assert found
    assert (found.rows, found.measure, found.only_old, found.p) == (49, "mae", None, None)
    assert found.mean == pytest.approx(0.4, abs=0.01)
    assert found.old["mae"] - found.new["mae"] == pytest.approx(found.mean)
    assert found.new["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth[:49], given.new[:49]), abs=0.01)


def test_to_change_sides_changes_the_sign() -> None:
    """The gain of one is the other's loss, to the bounds."""
    truth: list[Any] = _truth(100)
    old, new = _classifier(truth, 1.0, 1), _classifier(truth, 0.7, 2)
    one, other = gain(Labels(old, new), truth), gain(Labels(new, old), truth)
    assert one
    assert other
    assert (one.mean, one.only_old, one.p) == (-other.mean, other.only_new, other.p)
    assert one.low == pytest.approx(-(other.high or 0.0), abs=0.02)


def test_without_labels_there_is_nothing_to_say() -> None:
    """And of a single row no interval."""
    numbers = Numbers(np.ones(2), np.zeros(2))
    assert gain(numbers, [None, None]) is None
    assert gain(Labels(Classes(["a"]), Classes(["a"])), [None]) is None
    found = gain(numbers, [None, 1.0])
    assert found
    assert (found.rows, found.mean, found.low, found.high) == (1, -1.0, None, None)


def test_the_interval_holds_what_it_says() -> None:
    """95 % of the intervals hold the mean that the differences were drawn round, give or take four errors."""
    generator = np.random.default_rng(3)
    drawn = [generator.choice([-1.0, 0.0, 1.0], size=200, p=[0.1, 0.7, 0.2]) for _ in range(300)]
    held = sum(low <= 0.1 <= high for low, high in map(interval, drawn) if low is not None and high is not None)
    assert abs(held / 300 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
