"""Tests of how a table becomes a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuelight.kit.errors import BadInput
from cuelight.pipelines.blame import PipelineFault
from cuelight.simulation.stream import START, Timing, arrange, read_table
from tests.unit.simulation.streams import pipeline, table

TIMED = table(100).assign(day=pd.date_range("2026-01-01", periods=100, freq="h"))


def test_rows_come_in_the_order_of_their_time() -> None:
    """However the table is sorted; the first fifth is what is learned from."""
    shuffled = TIMED.sample(frac=1.0, random_state=1)
    found = arrange(pipeline(event_time="day"), shuffled, Timing())
    assert len(found) == 80
    assert (np.diff(found.times) == 3600.0).all()
    assert found.features["a"].tolist() == TIMED["a"].tolist()[20:]
    assert found.base.times is not None
    assert found.base.times.max() < found.times[0]


def test_a_rate_goes_by_the_order_of_the_table() -> None:
    """Two rows a minute, whatever the table's own times say."""
    found = arrange(pipeline(event_time="day"), TIMED[::-1], Timing(rate=2.0), start_rows=50)
    assert found.times[:3].tolist() == [START + 1500.0, START + 1530.0, START + 1560.0]
    assert found.base.times is None
    assert found.features["a"].tolist() == TIMED["a"].tolist()[49::-1]


def test_a_column_of_times_is_no_feature() -> None:
    """A pipeline that takes all columns takes all but that."""
    found = arrange(pipeline(features=()), TIMED, Timing(column="day"))
    assert list(found.features) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "timing", "said"),
    [
        (TIMED, Timing(), "has no event_time"),
        (TIMED, Timing(column="hour"), "no column 'hour'; it has: a, b, price, day"),
        (TIMED.assign(day="soon"), Timing(column="day"), "holds no times"),
        (TIMED.assign(day=TIMED["day"].where(TIMED["a"] < 1.0)), Timing(column="day"), "is empty in"),
        (TIMED, Timing(rate=0.0), "no rate"),
        (TIMED.drop(columns="b"), Timing(rate=1.0), "no column 'b'"),
        (TIMED.assign(price=np.nan), Timing(rate=1.0), "is empty in"),
        (TIMED[:10], Timing(rate=1.0), "too few"),
    ],
)
def test_unfit_tables_are_refused(rows: pd.DataFrame, timing: Timing, said: str) -> None:
    """With what is wrong, and what to do."""
    with pytest.raises(BadInput, match=said):
        arrange(pipeline(), rows, timing)


def test_the_first_version_may_not_know_the_future() -> None:
    """What it learns from must end before the stream begins."""
    with pytest.raises(BadInput, match="would know its future"):
        arrange(pipeline(event_time="day"), TIMED[:50], Timing(), start=TIMED)


def test_a_pipeline_without_a_target_can_not_be_played() -> None:
    """There is no truth to hold answers against."""
    clusters = pipeline(task="clustering", target="", metrics=("silhouette",), primary="silhouette")
    with pytest.raises(BadInput, match="no target"):
        arrange(clusters, TIMED, Timing(rate=1.0))


def test_tables_are_read_by_their_ending(tmp_path: Path) -> None:
    """CSV and Parquet; anything else, and what is none of it, is said to be."""
    TIMED.to_csv(tmp_path / "rows.csv", index=False)
    TIMED.to_parquet(tmp_path / "rows.parquet")
    assert len(read_table(tmp_path / "rows.csv")) == len(read_table(tmp_path / "rows.parquet")) == 100
    (tmp_path / "broken.parquet").write_text("no table")
    with pytest.raises(PipelineFault, match=r"Reading .*broken\.parquet failed"):
        read_table(tmp_path / "broken.parquet")
    with pytest.raises(BadInput, match=r"must end in \.csv or \.parquet"):
        read_table(tmp_path / "rows.xlsx")
    with pytest.raises(BadInput, match="There is no file"):
        read_table(tmp_path / "none.csv")
