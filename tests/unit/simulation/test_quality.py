"""Tests of what the loop was worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cuelight.pipelines.answers import Answers
from cuelight.pipelines.gate import GateVerdict
from cuelight.simulation.quality import pair, trend, worth
from cuelight.simulation.records import Played
from cuelight.simulation.versions import joined
from tests.unit.simulation.streams import pipeline


def answers(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Answers:
    """Answers that are off by so much, the truth being 0."""
    return Answers(pd.DataFrame({"a": errors}), np.zeros(len(errors)), errors)


def result(loop: np.ndarray[tuple[int], np.dtype[np.float64]], frozen: float = 2.0) -> Played:
    """A loop that is off by so much, beside a version that is always off by as much."""
    rows = len(loop)
    still = answers(np.full(rows, frozen))
    return Played(pipeline(), np.arange(float(rows)), answers(loop), still, GateVerdict(True, "", {}), (), ())


def test_the_gain_is_of_the_metrics_loss_per_row() -> None:
    """Errors of 2 and 1: squared losses of 4 and 1, a gain of 3, which is three quarters; in the figure 2 and 1."""
    found = worth(result(np.full(50, 1.0)))
    assert (found.metric, found.pair.loop, found.pair.frozen) == ("rmse", 1.0, 2.0)
    assert (found.gain, found.share) == (3.0, 0.75)


def test_the_interval_is_of_paired_rows() -> None:
    """Half of the rows gain 4, half nothing: about 2, give or take 1.96 times 2 / sqrt(400)."""
    found = worth(result(np.where(np.arange(400) % 2, 0.0, 2.0)))
    assert found.gain == 2.0
    assert found.low == pytest.approx(2.0 - 0.196, abs=0.03)
    assert found.high == pytest.approx(2.0 + 0.196, abs=0.03)


def test_parts_hold_all_rows_once() -> None:
    """Few rows make fewer parts; a part of one row has no figure."""
    played = result(np.ones(110))
    found = trend(played)
    assert [(each.first, each.last) for each in found] == [(0, 22), (22, 44), (44, 66), (66, 88), (88, 110)]
    assert np.isnan(pair(played, 3, 4).loop)


def test_answers_of_versions_that_know_other_classes_are_joined() -> None:
    """A class that a version has never seen has no chance with it."""
    frame = pd.DataFrame({"a": [0.0]})
    one = Answers(frame, np.array(["x"]), np.array(["x"]), np.array([[0.7, 0.3]]), ("x", "y"))
    two = Answers(frame, np.array(["z"]), np.array(["y"]), np.array([[0.4, 0.6]]), ("y", "z"))
    found = joined([one, two])
    assert found.classes == ("x", "y", "z")
    assert found.probabilities is not None
    assert found.probabilities.tolist() == [[0.7, 0.3, 0.0], [0.0, 0.4, 0.6]]
