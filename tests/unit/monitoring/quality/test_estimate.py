from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cuelight.kit.settings import Settings
from cuelight.monitoring.examination.likeness import Groups
from cuelight.monitoring.quality.estimate import estimate
from cuelight.monitoring.verdicts.assessment import Case, assess
from cuelight.operations.verdict import Verdict


def _answered(rows: int, seed: int, spread: float = 1.5, truth: float = 1.0) -> pd.DataFrame:
    """A classifier of three towns, too sure of itself by half; a smaller spread makes rows harder to tell.

    `truth` below 1 changes labels behind its back.
    """
    generator = np.random.default_rng(seed)
    towns = np.array(["Ulm", "Bonn", "Kiel"])
    logits = spread * generator.normal(size=(rows, 3))
    true = np.exp(truth * logits) / np.exp(truth * logits).sum(axis=1, keepdims=True)
    told = np.exp(1.5 * logits) / np.exp(1.5 * logits).sum(axis=1, keepdims=True)
    label = towns[(generator.random((rows, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, 2)]
    frame = pd.DataFrame({f"output.proba.{town}": told[:, index] for index, town in enumerate(towns)})
    return frame.assign(**{"input.x": logits[:, 0], "output.prediction": towns[told.argmax(axis=1)], "label": label})


def _accuracy(frame: pd.DataFrame) -> float:
    return float((frame["label"] == frame["output.prediction"]).mean())


@pytest.mark.parametrize("spread", [1.5, 0.7])
def test_the_interval_holds_what_labels_show(spread: float) -> None:
    """In nearly all of 15 windows, as easy as the reference or much harder, though the probabilities are too sure."""
    held = 0
    for seed in range(15):
        window = _answered(800, 100 + seed, spread)
        found = estimate(_answered(2000, seed), window.drop(columns="label"))
        assert found is not None
        held += found.low <= _accuracy(window) <= found.high
        assert found.low <= found.value <= found.high
        assert found.high - found.low < 0.15
    assert held >= 13


def test_another_truth_is_not_seen_and_does_not_decide() -> None:
    """Where labels mean something else the estimate stays as it was: told beside a drift, it changes no verdict."""
    reference, window = _answered(2000, 1), _answered(800, 2, truth=0.0)
    found = assess(Case(reference, window, window.iloc[:0]), Settings())
    assert found.estimate is not None
    assert found.estimate.value > _accuracy(window) + 0.1
    assert found.decision.verdict is Verdict.OK
    assert found.decision.retrain == ""
    moved = assess(Case(reference, _answered(800, 2, spread=0.5), window.iloc[:0]), Settings())
    assert moved.decision.verdict is Verdict.DRIFT
    assert "without labels, accuracy is estimated at" in moved.decision.reason


def test_measured_quality_needs_no_estimate() -> None:
    """Once labels have come there is a measure, and no estimate beside it."""
    reference, window = _answered(2000, 1), _answered(800, 2)
    assert assess(Case(reference, window, window), Settings()).estimate is None


def test_groups_make_it_less_certain() -> None:
    """Where right and wrong answers come by persons, the interval is wider than for independent rows."""
    reference, window = _answered(2000, 1), _answered(2000, 2)
    order = np.argsort(reference["label"] == reference["output.prediction"], kind="stable")
    reference = reference.iloc[order].reset_index(drop=True)
    alone, grouped = (
        estimate(reference, window),
        estimate(reference, window, Groups(np.arange(2000) // 50, 40, 50.0, 50.0)),
    )
    assert alone is not None
    assert grouped is not None
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_where_nothing_can_be_estimated_there_is_none() -> None:
    """A regression, a reference without labels, probabilities without answers, too few rows: no estimate, no error."""
    reference, window = _answered(2000, 1), _answered(800, 2)
    plain = [name for name in reference if not str(name).startswith("output.proba")]
    assert estimate(reference[plain], window[plain]) is None
    assert estimate(reference.drop(columns="label"), window) is None
    assert estimate(reference, window.assign(**{"output.prediction": None})) is None
    assert estimate(reference, window.iloc[:50]) is None
    assert estimate(reference, window.iloc[:0]) is None
