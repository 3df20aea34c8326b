"""Tests of `cuelight simulate`: tables, JSON, a picture, and what is said of what can't be played."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from cuelight.cli.simulate import command
from cuelight.kit.errors import BadInput
from tests.unit.simulation.streams import table

_WIDE = {"COLUMNS": "200"}
_PIPELINE = """
import pandas as pd
from sklearn.linear_model import LinearRegression
from cuelight.pipelines.pipeline import TrainingPipeline

pipeline = TrainingPipeline(
    name="prices", task="regression", load=lambda: pd.read_csv("before.csv"), estimator=LinearRegression,
    metrics=("rmse",), primary="rmse", target="price", event_time="day",
)
"""
_SETTINGS = """
[pipelines]
prices = "simulated_prices:pipeline"
[models.prices.monitoring]
schedule = "0 * * * *"
min_rows = 50
window = "300 rows"
[models.prices.retrain]
min_labels = 150
"""
_USUAL = ("prices", "--stream", "rows.csv", "--labels-after", "30m")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline, its settings, what it is trained on, and a stream whose slope changes after 200 of 1,000 minutes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "simulated_prices.py").write_text(_PIPELINE)
    (tmp_path / "cuelight.toml").write_text(_SETTINGS)
    rows = table(1400, changes_at=600).assign(day=pd.date_range("2026-01-01", periods=1400, freq="min"))
    rows[:400].to_csv("before.csv", index=False)
    rows[400:].to_csv("rows.csv", index=False)
    return tmp_path


def _simulate(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env=_WIDE, catch_exceptions=False)


def test_windows_and_events_are_told_with_what_came_of_them() -> None:
    """What it says: each drift job, the retraining, the gate, who took over, and the gain with its interval."""
    said = _simulate(*_USUAL, "--own-data", "--promote-after", "1h").output
    assert "prices: 1,000 rows, 2026-01-01 06:40 to 2026-01-01 23:19." in said
    assert "degraded: Quality fell" in said
    assert "version 2: staged." in said
    assert "version 2 takes over." in said
    assert "The loop is better:" in said


def test_json_holds_the_same_twice_and_nothing_is_written(folder: Path) -> None:
    """The same bytes from two runs; neither registry, journal nor database comes to be."""
    before = sorted(folder.iterdir())
    one, two = (_simulate(*_USUAL, "--own-data", "--json").output for _ in range(2))
    assert one == two
    found = json.loads(one)
    assert found["retrainings"] == len(found["requests"]) >= 1
    assert found["quality"]["with_loop"] < found["quality"]["without"]
    assert found["quality"]["low"] > 0
    assert {each["verdict"] for each in found["windows"]} >= {"ok", "degraded"}
    assert [each for each in sorted(folder.iterdir()) if each.name != "__pycache__"] == before


def test_a_stream_without_drift_names_false_alarms(folder: Path) -> None:
    """Where the stream is said to be driftless, what is counted is called false."""
    pd.read_csv("before.csv").to_csv("rows.csv", index=False)
    said = _simulate(*_USUAL, "--driftless").output
    assert "0 false alarms, 0 false retrainings" in said
    assert json.loads(_simulate(*_USUAL, "--driftless", "--json").output)["false_retrainings"] == 0


def test_the_picture_is_drawn(folder: Path) -> None:
    """Into the file that is named, as its ending says."""
    assert _simulate(*_USUAL, "--plot", "loop.png").exit_code == 0
    assert (folder / "loop.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plot", "x.pdf"), "must end in .png or .svg"),
        (("--time", "day", "--rate", "1"), "--time or --rate"),
        (("--own-data", "--start-rows", "9"), "one of --start"),
        (("--labels-after", "soon"), "is no time such as 30m"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: tuple[str, ...], said: str) -> None:
    """With exit code 2, as click has it, before anything is read."""
    result = _simulate(*_USUAL, *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_stream_that_can_not_be_played_is_told_in_a_sentence() -> None:
    """A column that is not there, a time that is none, and data of the first version from the future."""
    with pytest.raises(BadInput, match="no column 'moment'"):
        _simulate(*_USUAL, "--time", "moment")
    with pytest.raises(BadInput, match="The table has 1,000 rows"):
        _simulate(*_USUAL, "--start-rows", "1000")
    with pytest.raises(BadInput, match="would know its future"):
        _simulate("prices", "--stream", "before.csv", "--labels-after", "1h", "--start", "rows.csv")
    with pytest.raises(BadInput, match="no drift job"):
        _simulate(*_USUAL, "--schedule", "0 0 1 1 *")
