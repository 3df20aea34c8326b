"""Tests of what a challenger learns from and what it is held against the champion on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.pipelines.candidates.candidate import make
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.data import Data
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.progress import Silent
from cuelight.pipelines.retraining.fresh import Fresh, fresh_of, labels_like
from cuelight.pipelines.retraining.lessons import NotEnoughLabels, retraining_lesson
from cuelight.pipelines.retraining.recency import RECENT, WEIGHTED, Recency
from cuelight.registry.model import ModelVersion

UNTIL = 100.0
CHAMPION = Champion(ModelVersion("m", 1, 0, 0, "models:/m-1"), None, UNTIL, frozenset())
BASE = Data(pd.DataFrame({"x": np.zeros(40)}), np.zeros(40), None, None, "base")


def fresh(count: int, start: float = UNTIL + 1.0) -> Fresh:
    """Rows one second apart, whose feature is their own time."""
    times = start + np.arange(float(count))
    keys = pd.DataFrame({"prediction_id": [f"p{int(each)}" for each in times], "row": 0})
    return Fresh(pd.DataFrame({"x": times}), times, times, keys)


def test_the_later_third_is_evaluated_on_and_the_rest_learned_with_the_own_data() -> None:
    """300 new rows: 200 and all of the pipeline's own are fitted on, the 100 strictly later ones are held out."""
    lesson = retraining_lesson(BASE, fresh(300), CHAMPION, 100)
    assert (len(lesson.features), len(lesson.held_features)) == (240, 100)
    assert lesson.features["x"].max() == lesson.trained_until < lesson.held_features["x"].min()
    assert lesson.truth is not None
    assert np.array_equal(lesson.truth[40:], lesson.features["x"].to_numpy()[40:])
    assert list(lesson.comparable) == list(range(100))


def test_rows_before_the_champions_training_are_learned_but_never_evaluated_on() -> None:
    """Rows that the champion may have been fitted on are older than its training's end, and only fitted on."""
    lesson = retraining_lesson(BASE, fresh(300, start=UNTIL - 199.0), CHAMPION, 50)
    assert lesson.held_features["x"].min() > UNTIL
    assert len(lesson.held_features) == 33
    assert lesson.features["x"].to_numpy()[40:].min() < UNTIL


def test_a_row_at_the_very_end_of_the_champions_training_is_not_new() -> None:
    """Strictly later is what counts: a row at that moment may be the champion's last one."""
    with pytest.raises(NotEnoughLabels, match="299 labelled rows are new to m version 1; 300 are due"):
        retraining_lesson(BASE, fresh(300, start=UNTIL), CHAMPION, 300)


def test_a_row_that_the_champion_was_fitted_on_is_not_evaluated_on() -> None:
    """A row listed by the champion's training is left out though its time says it is new."""
    rows = fresh(300)
    planted = str(rows.keys["prediction_id"].iloc[-1])
    champion = replace(CHAMPION, fitted=frozenset({(planted, 0)}))
    without = retraining_lesson(BASE, rows, champion, 100)
    within = retraining_lesson(BASE, rows, CHAMPION, 100)
    assert without.journal_held is not None
    assert within.journal_held is not None
    assert planted in set(within.journal_held["prediction_id"])
    assert planted not in set(without.journal_held["prediction_id"])


def test_own_data_later_than_the_cut_is_left_out() -> None:
    """Where the pipeline's data has times, rows later than what may be learned from stay out of the training."""
    base = replace(BASE, times=np.arange(40.0) * 1000.0)
    lesson = retraining_lesson(base, fresh(300), CHAMPION, 100)
    assert len(lesson.features) == 200 + 1
    assert lesson.trained_until == 300.0


@given(
    times=st.lists(st.integers(0, 60), min_size=100, max_size=250),
    until=st.integers(-5, 40),
    dated=st.booleans(),
    recency=st.sampled_from([Recency(), Recency(RECENT, seconds=20), Recency(RECENT, rows=60), Recency(WEIGHTED, 40)]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_policy_all_that_is_evaluated_on_is_later(
    times: list[int], until: int, dated: bool, recency: Recency
) -> None:
    """By no policy is a row fitted on that is as late as one that is evaluated on, nor one of these known to either."""
    moments = np.sort(np.array(times, dtype=float))
    keys = pd.DataFrame({"prediction_id": [f"p{each}" for each in range(len(moments))], "row": 0})
    rows = Fresh(pd.DataFrame({"x": moments}), moments, moments, keys)
    base = replace(BASE, features=pd.DataFrame({"x": np.arange(40.0)}), times=np.arange(40.0) if dated else None)
    champion = replace(CHAMPION, trained_until=float(until))
    try:
        lesson = retraining_lesson(base, rows, champion, 1, recency)
    except NotEnoughLabels:
        return
    assert lesson.journal_rows is not None
    assert lesson.journal_held is not None
    fitted = lesson.features["x"][0 if dated else len(lesson.features) - len(lesson.journal_rows) :]
    assert fitted.max() <= lesson.trained_until < lesson.held_features["x"].min()
    assert lesson.held_features["x"].min() > until
    assert not set(lesson.journal_rows["prediction_id"]) & set(lesson.journal_held["prediction_id"])
    assert lesson.weights is None or len(lesson.weights) == len(lesson.features)


def test_a_sliding_window_fits_on_the_newest_rows_alone() -> None:
    """Of 200 rows that may be learned the newest 50 are, by rows or by time; rows without a time are never recent."""
    for recency in (Recency(RECENT, rows=50), Recency(RECENT, seconds=50.0)):
        lesson = retraining_lesson(BASE, fresh(300), CHAMPION, 100, recency)
        assert lesson.features["x"].tolist() == [UNTIL + each for each in range(151, 201)]
        assert lesson.journal_rows is not None
        assert len(lesson.journal_rows) == 50
        assert (lesson.weights, len(lesson.held_features)) == (None, 100)
    with pytest.raises(NotEnoughLabels, match="Only 29 rows are recent"):
        retraining_lesson(BASE, fresh(300), CHAMPION, 100, Recency(RECENT, rows=29))


def test_the_older_a_row_the_less_it_counts() -> None:
    """The newest counts 1, and half as much at each half-life of age; undated rows are older than all others."""
    lesson = retraining_lesson(BASE, fresh(300), CHAMPION, 100, Recency(WEIGHTED, rows=50))
    assert lesson.weights is not None
    assert lesson.weights[[-1, -51, -101]].tolist() == [1.0, 0.5, 0.25]
    assert set(lesson.weights[:40]) == {0.5**4}
    by_time = retraining_lesson(BASE, fresh(300), CHAMPION, 100, Recency(WEIGHTED, seconds=50.0)).weights
    assert by_time is not None
    assert by_time[[-1, -51]].tolist() == [1.0, 0.5]
    assert set(by_time[:40]) == {by_time[40]}


def test_weights_reach_the_last_step_or_are_refused() -> None:
    """A pipeline's last step is fitted with them; one that takes none says so, and which setting to change."""
    lesson = retraining_lesson(BASE, fresh(300), None, 100, Recency(WEIGHTED, rows=20))
    pipeline = TrainingPipeline("m", "regression", lambda: BASE.features, _weighted, ("rmse",), "rmse", target="y")
    assert lesson.truth is not None
    drawn = replace(lesson, truth=np.where(np.arange(240) < 220, 0.0, 1.0))
    heavy = make(pipeline, drawn, None, Silent()).estimator.predict(drawn.features)[-1]
    light = make(pipeline, replace(drawn, weights=None), None, Silent()).estimator.predict(drawn.features)[-1]
    assert heavy > 2 * light
    with pytest.raises(Misconfigured, match="KNeighborsRegressor takes no weights of rows"):
        make(replace(pipeline, estimator=KNeighborsRegressor), drawn, None, Silent())


def _weighted() -> Pipeline:
    return make_pipeline(StandardScaler(), DummyRegressor())


@pytest.mark.parametrize(
    ("recent", "expected"), [("5000", Recency(RECENT, rows=5000)), ("12h", Recency(RECENT, seconds=43_200.0))]
)
def test_what_is_recent_is_read_from_the_settings(recent: str, expected: Recency) -> None:
    """A number of rows or a time; anything else is told."""
    assert Recency.of(Settings(retrain_rows=RECENT, retrain_recent=recent)) == expected
    with pytest.raises(Misconfigured, match="a number of rows, or a time"):
        Recency.of(Settings(retrain_recent="lately"))


@pytest.mark.parametrize("recency", [Recency(RECENT, rows=100), Recency(RECENT, seconds=100.0)])
def test_rows_without_a_time_are_never_recent(recency: Recency) -> None:
    """However few others there are: nobody knows how old they are."""
    assert recency.weights(np.array([-np.inf, 10.0, 20.0])).tolist() == [0.0, 1.0, 1.0]


def test_without_a_champion_all_rows_are_new() -> None:
    """A model with nothing in Production is trained and evaluated all the same."""
    lesson = retraining_lesson(BASE, fresh(90, start=-1000.0), None, 90)
    assert len(lesson.held_features) == 30


def test_rows_of_one_moment_can_not_be_split() -> None:
    """One big request gives no later rows to compare on, and says so."""
    rows = fresh(300)
    with pytest.raises(NotEnoughLabels, match="one time"):
        retraining_lesson(BASE, replace(rows, times=np.full(300, UNTIL + 5.0)), CHAMPION, 100)


def test_a_single_late_row_is_too_little_to_compare_on() -> None:
    """299 rows at one moment and one later: nothing can be said about the difference of two models."""
    rows = fresh(300)
    times = np.full(300, UNTIL + 5.0)
    times[-1] += 1.0
    with pytest.raises(NotEnoughLabels, match="too few to compare on"):
        retraining_lesson(BASE, replace(rows, times=times), CHAMPION, 100)


def test_the_fingerprint_moves_with_the_fresh_rows() -> None:
    """What went in can be told apart by the fingerprint."""
    one, two = (retraining_lesson(BASE, fresh(count), CHAMPION, 100).fingerprint for count in (300, 301))
    assert one != two
    assert one == retraining_lesson(BASE, fresh(300), CHAMPION, 100).fingerprint


@pytest.mark.parametrize(
    ("labels", "truth", "expected", "readable"),
    [
        ([1, 0.0, "1", 0.5, None], np.array([0, 1]), [1, 0, 1, 0, 0], [True, True, True, False, False]),
        ([True, 0, 2], np.array([True, False]), [True, False, True], [True, True, False]),
        (["2.5", float("inf")], np.array([0.5]), [2.5, 0.0], [True, False]),
        (["a", None], np.array(["a", "b"], dtype=object), ["a", None], [True, False]),
    ],
)
def test_labels_take_the_type_of_the_targets_or_are_left_out(
    labels: list[object], truth: np.ndarray, expected: list[object], readable: list[bool]
) -> None:
    """A label that is no value of the target's type is not guessed at."""
    values, mask = labels_like(pd.Series(labels, dtype=object), truth)
    assert mask.tolist() == readable
    kept = [each for each, good in zip(values.tolist(), readable, strict=True) if good]
    assert kept == [each for each, good in zip(expected, readable, strict=True) if good]


def test_the_reference_s_rows_keep_their_groups() -> None:
    """Where the pipeline's group is a feature the journal holds it: the held-out rows' go with them."""
    base = replace(BASE, features=pd.DataFrame({"x": np.zeros(40), "person": np.zeros(40)}))
    rows = pd.DataFrame(
        {"prediction_id": [f"p{at}" for at in range(300)], "row": 0, "time": UNTIL + 1.0 + np.arange(300)}
    )
    frame = rows.assign(**{"input.x": 1.0, "input.person": np.arange(300) // 3.0, "label": 1.0})
    lesson = retraining_lesson(base, fresh_of(frame, base, "person"), CHAMPION, 100)
    assert lesson.held_groups is not None
    assert np.array_equal(lesson.held_groups, lesson.held_features["person"])
    unknown = retraining_lesson(base, fresh_of(frame, base, "household"), CHAMPION, 100)
    assert unknown.held_groups is None
