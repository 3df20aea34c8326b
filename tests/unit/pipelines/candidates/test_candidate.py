"""Tests of what is found out about a candidate: segments, costs, and the account of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.pipelines.candidates.account import account
from cuelight.pipelines.candidates.candidate import make
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.costs import costs
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.data import prepare
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.progress import Silent
from cuelight.registry.model import ModelVersion

RANDOM = np.random.default_rng(3)
FRAME = pd.DataFrame({"x": RANDOM.normal(size=900), "side": np.repeat([0.0, 1.0, np.nan], [600, 270, 30])})
FRAME = FRAME.sample(frac=1.0, random_state=0).reset_index(drop=True)
FRAME["y"] = np.where(FRAME["side"] == 1.0, -FRAME["x"], FRAME["x"]) + RANDOM.normal(0.0, 0.1, 900)
PIPELINE = TrainingPipeline(
    "sides",
    "regression",
    lambda: FRAME,
    LinearRegression,
    ("rmse", "r2"),
    "rmse",
    target="y",
    gate=Gate(margin=1.0, segments="side", segment_floors={"r2": -10.0}),
)


class Sided(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
    """Knows one sign for all: good on one side, bad on the other."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Sided:
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(X["x"])


class Knowing(Sided):
    """Knows both."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.where(X["side"] == 1.0, -X["x"], X["x"]))


def _lesson() -> Lesson:
    data = prepare(PIPELINE, FRAME)
    assert data.truth is not None
    return Lesson(
        data.features[:300],
        data.truth[:300],
        data.features[300:].reset_index(drop=True),
        data.truth[300:],
        0.0,
        "",
        np.arange(600),
    )


def _champion(estimator: LinearRegression) -> Champion:
    lesson = _lesson()
    version = ModelVersion("sides", 5, 0, 0, "")
    return Champion(version, estimator.fit(lesson.features, lesson.truth), 0.0, frozenset())


def test_a_segment_on_which_the_champion_was_better_fails_the_whole() -> None:
    """A challenger that lost one side to the champion is refused for that side, with its figures and its name."""
    pipeline = replace(PIPELINE, estimator=Sided)
    candidate = make(pipeline, replace(_lesson(), comparable=np.arange(600)), _champion(Knowing()), Silent())
    by_value = {each.value: each for each in candidate.evidence.segments}
    assert list(by_value) == ["0.0", "1.0", "missing"]
    assert not candidate.verdict.passed
    assert "Where side is 1.0, worse on the same" in candidate.verdict.reason
    beside = by_value["1.0"].comparison
    assert beside is not None
    assert beside.champion < 0.02 < 3.0 < beside.challenger
    assert by_value["1.0"].metrics["r2"] < 0.0 < 0.9 < by_value["0.0"].metrics["r2"]
    assert by_value["missing"].comparison is None


def test_the_account_says_who_was_held_against_whom_and_what_was_found() -> None:
    """Verdict, both losses, time, bytes, and a line for each segment, in Markdown that fits a description."""
    lesson, gate = _lesson(), Gate(margin=9.0, segments="side")
    candidate = make(replace(PIPELINE, estimator=Knowing, gate=gate), lesson, _champion(Sided()), Silent())
    text = account(PIPELINE, lesson, candidate, "quality was lost")
    assert text.startswith("**Gate passed.** Challenger against champion 5: Better on the same 600 rows")
    assert "Trained because: quality was lost" in text
    assert "| | champion 5 | challenger |" in text
    assert "| loss (rmse), 600 rows |" in text
    assert "| ms for 500 rows |" in text
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith(("| 0", "| 1", "| miss"))] == [
        "0.0",
        "1.0",
        "missing",
    ]
    first = make(
        replace(PIPELINE, estimator=Sided), replace(lesson, why_not="no version is in Production"), None, Silent()
    )
    assert "champion" not in account(PIPELINE, lesson, first, "first").splitlines()[0]
    many = replace(candidate, evidence=replace(candidate.evidence, segments=tuple(candidate.evidence.segments) * 100))
    assert len(account(PIPELINE, lesson, many, "x" * 9000)) == 5_000


def test_costs_are_of_the_same_rows_and_tell_a_heavy_model() -> None:
    """A forest of 200 trees takes longer and weighs more than a line; both predict at most 500 rows."""
    lesson = _lesson()
    features = lesson.features.fillna(0.0)
    line = LinearRegression().fit(features, lesson.truth)
    forest = RandomForestRegressor(200, random_state=0).fit(features, lesson.truth)
    found = costs((line, features), (forest, features))
    assert found.rows == 300
    assert found.seconds[1] > found.seconds[0] > 0.0
    assert found.size[1] > 50 * found.size[0]


def test_segments_are_of_a_feature_with_few_values() -> None:
    """A column that is no feature or has a value a row, and floors without a column, are told before any fit."""
    with pytest.raises(BadInput, match="none of its features"):
        prepare(replace(PIPELINE, gate=Gate(segments="y")), FRAME)
    with pytest.raises(BadInput, match="would be 900; 50 are the most"):
        prepare(replace(PIPELINE, gate=Gate(segments="x")), FRAME)
    with pytest.raises(Misconfigured, match="names no column for them"):
        replace(PIPELINE, gate=Gate(segment_floors={"r2": 0.5}))
