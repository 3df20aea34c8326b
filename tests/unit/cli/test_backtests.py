from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuelight.cli.drift import command
from cuelight.kit.errors import NotFound, RegistryUnavailable
from tests.unit.monitoring.past import MODEL, home
from tests.unit.monitoring.tables import scored

_SETTINGS = """
home = "home"
[registry]
uri = "http://127.0.0.1:1"
[journal]
retention_days = 1000
[monitoring]
min_rows = 150
[models.past.monitoring]
window = "200 rows"
[models.past.retrain]
min_labels = 100
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of a model, of which the last two drift."""
    folder = tmp_path_factory.mktemp("backtests")
    (folder / "cuelight.toml").write_text(_SETTINGS)
    home(folder / "home", time.time(), lambda day: scored(240, day, shift=0.7 if day > 7 else 0.0), lambda _day: 2)
    return folder


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def _drift(*arguments: str) -> Result:
    return CliRunner().invoke(command, (MODEL, *arguments), env={"COLUMNS": "220"}, catch_exceptions=False)


def test_a_line_a_window_and_the_sum_of_it_all(folder: Path) -> None:
    """Verdict, sentence, columns, alert and request; and nothing is recorded."""
    found = _drift("--since", "4d", "--every", "1d", "--window", "1d tumbling")
    assert found.exit_code == 0
    assert "past: windows of 1d tumbling against the reference, judged as they were then." in found.output
    assert "4 windows: 2 " in found.output
    assert "Alerts: 1. Retrainings asked for: 1." in found.output
    drifted = [line for line in found.output.splitlines() if "Drift in 240 rows: " in line]
    assert len(drifted) == 2
    assert all(name in line for line in drifted for name in ("input.used", "output.prediction"))
    assert not (folder / "home" / "operations.db").exists()


def test_programs_get_json() -> None:
    """The document of each report, and what would have followed; the window is the setting's."""
    steps = json.loads(_drift("--since", "3d", "--every", "1d", "--json", "--against", "previous").stdout)
    assert [step["window"]["kind"] for step in steps] == ["200 rows"] * 3
    assert [step["verdict"] for step in steps] == ["ok", "drift", "ok"]
    assert steps[1]["against"]["rows"] == 200
    assert steps[1]["would_follow"]["alerts"]


def test_segments_are_judged_as_well() -> None:
    """Each value of an input that has enough rows; an input that is not there is named."""
    usual = ("--since", "1d", "--every", "1d", "--window", "2000 rows")
    (step,) = json.loads(_drift(*usual, "--by", "town", "--json").stdout)
    assert {"town=Ulm", "town=Bonn"} <= set(step["segments"])
    assert step["segments"]["town=Ulm"]["columns"]
    with pytest.raises(NotFound, match=r"no input 'city' to segment by .* There are: used, unused, town\."):
        _drift(*usual, "--by", "city")


def test_the_picture_is_drawn(folder: Path) -> None:
    """Verdicts and scores over time; other endings are refused."""
    assert _drift("--since", "3d", "--every", "1d", "--plot", "past.svg").exit_code == 0
    text = ElementTree.tostring(ElementTree.parse(folder / "past.svg").getroot(), encoding="unicode")
    assert "standard deviations" in text or len(text) > 20_000
    assert _drift("--since", "3d", "--every", "1d", "--plot", "past.pdf").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--every", "1d"), "takes --since and --every"),
        (("--since", "3d", "--plot", "x.png"), "takes --since and --every"),
        (("--since", "3d", "--every", "often"), "is no time such as 30m"),
        (("--since", "3d", "--every", "1d", "--window", "a day"), "is no window: give rows or time"),
        (("--since", "3d", "--every", "1d", "--against", "tuesday"), "'reference', 'previous', 'weekday'"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: tuple[str, ...], said: str) -> None:
    """With exit code 2, before anything is read."""
    found = _drift(*arguments)
    assert found.exit_code == 2
    assert said in found.output


def test_a_version_that_was_never_judged_needs_the_registry() -> None:
    """A number that nobody here knows is an error while MLflow is down, not an empty table."""
    with pytest.raises(RegistryUnavailable, match=r"MLflow at http://127\.0\.0\.1:1 did not answer"):
        _drift("--since", "3d", "--every", "1d", "--version", "7")
