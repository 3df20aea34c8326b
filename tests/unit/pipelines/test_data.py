"""Tests of where data comes from, and of what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sqlalchemy import create_engine

from cuelight.kit.errors import BadInput
from cuelight.pipelines.data import fingerprint, from_csv, from_parquet, from_sql, prepare, seconds, servable
from cuelight.pipelines.pipeline import TrainingPipeline

FRAME = pd.DataFrame({"a": range(20), "b": ["x", "y"] * 10, "y": np.linspace(0, 1, 20)})
PIPELINE = TrainingPipeline(
    name="m",
    task="regression",
    load=lambda: FRAME,
    estimator=LinearRegression,
    target="y",
    metrics=("rmse",),
    primary="rmse",
)


def test_the_same_rows_come_from_a_csv_a_parquet_file_a_table_and_a_query(tmp_path: Path) -> None:
    """Each kind of source gives the frame that was put there."""
    FRAME.to_csv(tmp_path / "f.csv", index=False)
    FRAME.to_parquet(tmp_path / "f.parquet", index=False)
    url = f"sqlite:///{tmp_path / 'f.db'}"
    engine = create_engine(url)
    FRAME.to_sql("examples", engine, index=False)
    engine.dispose()
    loads = [
        from_csv(tmp_path / "f.csv"),
        from_parquet(tmp_path / "f.parquet"),
        from_sql(url, "examples"),
        from_sql(url, "SELECT a, b, y FROM examples ORDER BY a"),
    ]
    for load in loads:
        pd.testing.assert_frame_equal(load(), FRAME, check_dtype=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is in the error, with the folder it was looked for from."""
    with pytest.raises(BadInput, match=r"absent\.csv"):
        from_csv(tmp_path / "absent.csv")()


def test_whole_numbers_become_floats_and_texts_and_flags_stay() -> None:
    """Feature types are those that can hold what serving may send, missing values included."""
    mixed = pd.DataFrame(
        {"i": [1, 2], "f": [0.5, None], "s": ["x", None], "c": pd.Categorical(["u", "v"]), "b": [True, False]}
    )
    kinds = {name: column.dtype.kind for name, column in servable(mixed).items()}
    assert kinds == {"i": "f", "f": "f", "s": "O", "c": "O", "b": "b"}
    assert servable(mixed)["s"].tolist() == ["x", None]


def test_a_column_that_can_not_be_served_is_named() -> None:
    """A datetime is no feature."""
    with pytest.raises(BadInput, match="'when'"):
        servable(pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME.drop(columns="y"), "no column 'y'; it has: a, b"),
        (FRAME.head(5), "5 rows are too few"),
        (FRAME.assign(y=[None, *range(19)]), "'y' is empty in 1 rows"),
        (FRAME[["y"]], "no column to learn from"),
    ],
)
def test_data_that_can_not_be_learned_from_is_refused_with_what_to_do(frame: pd.DataFrame, words: str) -> None:
    """Each fault of a frame has an error that names it."""
    with pytest.raises(BadInput, match=words):
        prepare(PIPELINE, frame)


def test_a_target_of_one_class_is_refused() -> None:
    """There is nothing to tell apart."""
    pipeline = replace(PIPELINE, task="classification", metrics=("log_loss",), primary="log_loss")
    with pytest.raises(BadInput, match="one class"):
        prepare(pipeline, FRAME.assign(y=1))


def test_features_are_all_columns_without_another_use() -> None:
    """Without a list, target, event time and group are left out; with one, it is followed in its order."""
    frame = FRAME.assign(when=range(20))
    assert list(prepare(replace(PIPELINE, event_time="when"), frame).features.columns) == ["a", "b"]
    assert list(prepare(replace(PIPELINE, features=("b", "a")), frame).features.columns) == ["b", "a"]


@pytest.mark.parametrize(
    "times",
    [
        pd.Series([0.0, 86400.0]),
        pd.Series(["1970-01-01", "1970-01-02"]),
        pd.Series(pd.to_datetime(["1970-01-01", "1970-01-02"])),
        pd.Series(pd.to_datetime(["1970-01-01T02:00+02:00", "1970-01-02T02:00+02:00"])),
    ],
)
def test_event_times_are_seconds_whatever_they_come_as(times: pd.Series) -> None:
    """Numbers, texts and datetimes with and without a zone mean the same moments."""
    assert seconds(times).tolist() == [0.0, 86400.0]


def test_the_fingerprint_tells_data_apart() -> None:
    """It is the same for the same data, and another when a value, a name, a type or the order changes."""
    others = [
        FRAME.assign(a=[*range(19), 99]),
        FRAME.rename(columns={"a": "c"}),
        FRAME.astype({"a": "float64"}),
        FRAME.iloc[::-1],
    ]
    marks = [fingerprint(each) for each in (FRAME, *others)]
    assert fingerprint(FRAME.copy()) == marks[0]
    assert len(set(marks)) == len(marks)


def test_a_group_may_be_a_feature_too() -> None:
    """Named so, requests carry it; it is read once, and both know it."""
    grouped = replace(PIPELINE, features=("b", "a"), group="a")
    data = prepare(grouped, FRAME)
    assert grouped.required_columns(FRAME) == ["b", "a", "y"]
    assert data.groups is not None
    assert np.array_equal(data.features["a"], data.groups)
