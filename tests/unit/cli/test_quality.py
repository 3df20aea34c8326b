from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cuelight.cli.quality import command
from cuelight.journal.record import Label, Record, Schema
from cuelight.kit.errors import NotFound
from tests.support.journal import prediction, schema, write

_HOUR = 3600.0
_NOW = (time.time() // _HOUR) * _HOUR
_WIDE = {"COLUMNS": "200"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with a classifier of two versions, a regressor, and a model without labels; of the last three hours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    records: list[Record] = []
    for number in range(60):
        version, right = 1 + number % 2, "[b]" if number % 3 else "a"
        shares = {"classes": ["a", "[b]"], "values": [[0.25, 0.75]]}
        fields: dict[str, Any] = {"time": _NOW - (1 + number % 3) * _HOUR + number, "version": version}
        rows = [{"x": 1.0, "city": "Oslo" if number % 4 else None}]
        records += [
            _answer("kinds", number, rows, "[b]", probabilities=shares, **fields),
            _answer("sizes", number, rows, float(number), **fields),
            _answer("alone", number, rows, 1.0, **fields),
            Label(_NOW, "sizes", f"sizes-{number}", 0, number + 2.0),
        ]
        if number < 50:
            records.append(Label(_NOW, "kinds", f"kinds-{number}", 0, right))
    models = ("kinds", "sizes", "alone")
    schemas = [
        Schema(model, version, f"{model}{version}", schema().signature) for model in models for version in (1, 2)
    ]
    write(tmp_path / "journal", *records, schemas=schemas)
    return tmp_path


def _answer(model: str, number: int, rows: list[dict[str, Any]], answer: Any, **changes: Any) -> Record:
    digest = f"{model}{changes['version']}"
    named = {"model": model, "prediction_id": f"{model}-{number}", "digest": digest, "predictions": [answer]}
    return prediction(number, rows, **(changes | named))


def _quality(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env=_WIDE, catch_exceptions=False)


def _lines(result: Result) -> list[list[str]]:
    return [line.split() for line in result.output.splitlines()]


def test_versions_stand_beside_each_other_with_all_their_figures(home: Path) -> None:
    """Names as they are, how many rows are labelled, and each figure."""
    found = _quality("kinds", "--least", "20", "--classes")
    assert found.exit_code == 0
    assert "kinds: 50 of 60 rows are labelled." in found.output
    lines = _lines(found)
    assert ["version", "1", "version", "2"] in lines
    assert ["predicted", "30", "30"] in lines
    assert ["labelled", "25", "25"] in lines
    assert ["accuracy", "0.64", "0.68"] in lines
    assert {"brier", "roc_auc", "log_loss", "f1_weighted", "balanced_accuracy"} <= {each[0] for each in lines if each}
    assert ["a", "9", "-", "0", "0"] in lines
    assert ["[b]", "16", "0.64", "1", "0.7805"] in lines


def test_too_few_labels_are_no_figure(home: Path) -> None:
    """They are told apart, and where no line has enough the exit code says so too."""
    found = _quality("kinds")
    assert found.exit_code == 13
    assert "25, not enough data" in found.output
    assert "accuracy" not in found.output
    assert "fewer than 30 labelled rows" in found.output
    assert _quality("alone").exit_code == 13
    assert _quality("sizes").exit_code == 0
    assert _quality("sizes", "--version", "1", "--by", "city").exit_code == 13


def test_many_groups_stand_below_each_other(home: Path) -> None:
    """By the hour and the values of an input column, with the chief figures."""
    found = _quality("sizes", "--by", "version", "--by", "city", "--every", "1h", "--least", "3")
    lines = _lines(found)
    assert lines[2][:6] == ["from", "(UTC)", "version", "city", "predicted", "labelled"]
    assert lines[2][6:] == ["mae", "rmse", "r2", "mape"]
    assert [each[-6:-2] for each in lines[3:] if each] == [
        ["5", "5", "2", "2"] if "(none)" in each else [*each[-6:-4], "2", "2"] for each in lines[3:] if each
    ]
    assert {each[2] for each in lines[3:] if each} == {"1", "2"}


def test_a_narrow_terminal_breaks_no_name_and_no_number(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all groups fit beside or below each other, there are several tables, with every figure as a row."""
    wide = _quality("kinds", "--by", "version", "--by", "city", "--least", "5")
    for name, value in {"COLUMNS": "34", "LINES": "25", "FORCE_COLOR": "1", "TERM": "dumb"}.items():  # so one looks
        monkeypatch.setitem(_WIDE, name, value)
    narrow = _quality("kinds", "--by", "version", "--by", "city", "--least", "5")
    rows = [each for each in _lines(narrow) if each and each[0] == "balanced_accuracy"]
    assert len(rows) > 1
    (together,) = [each[1:] for each in _lines(wide) if each and each[0] == "balanced_accuracy"]
    assert [cell for each in rows for cell in each[1:]] == together
    hours = _quality("kinds", "--by", "version", "--every", "1h", "--least", "3")
    assert {"accuracy", "log_loss", "f1_weighted"} <= {each[0] for each in _lines(hours) if each}


def test_programs_get_json(home: Path) -> None:
    """The groups with their keys and counts, figures in full, and why one is missing."""
    found = json.loads(_quality("sizes", "--by", "track", "--json").output)
    group = found["groups"][0]
    assert (found["model"], found["task"]) == ("sizes", "regression")
    assert (group["key"], group["predicted"], group["labelled"]) == ({"track": "Production"}, 60, 60)
    assert group["quality"]["figures"]["mae"] == 2.0
    assert json.loads(_quality("alone", "--json").output)["groups"][0]["quality"] is None
    by_class = json.loads(_quality("kinds", "--json", "--by", "arm", "--task", "regression", "--least", "1").output)
    assert by_class["groups"][0]["quality"] is None


def test_labels_without_a_row_are_counted(home: Path) -> None:
    """They are told beside the figures, and listed by themselves."""
    assert "belong to no row" not in _quality("sizes").output
    write(home / "journal", Label(_NOW, "sizes", "lost", 0, 1.0))
    assert "1 labels belong to no row of the journal: cuelight labels unknown sizes" in _quality("sizes").output
    assert json.loads(_quality("sizes", "--json").output)["unknown_labels"] == 1


def test_what_is_not_defined_says_why(home: Path) -> None:
    """Under the table, and never as a number."""
    found = _quality("kinds", "--every", "1h", "--by", "track", "--least", "1")
    assert "roc_auc is not defined: no label is 'a' (" in found.output
    assert "nan" not in found.output.lower()


def test_windows_of_time_bound_the_answers(home: Path) -> None:
    """From and until are moments of the answer, not of its label."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_NOW - _HOUR))
    before = json.loads(_quality("sizes", "--until", moment, "--json", "--by", "track").output)
    after = json.loads(_quality("sizes", "--since", moment, "--json", "--by", "track", "--least", "1").output)
    assert (before["groups"][0]["labelled"], after["groups"][0]["labelled"]) == (40, 20)


def test_where_there_is_nothing_it_says_what_there_is(home: Path) -> None:
    """A mistyped name, a version that answered nothing, times and pictures that are none."""
    with pytest.raises(NotFound, match="no answers of 'sises'; it has answers of: alone, kinds, sizes"):
        _quality("sises")
    with pytest.raises(NotFound, match="no answers of sizes with that version"):
        _quality("sizes", "--version", "7")
    with pytest.raises(NotFound, match="There are: version, track, arm, x, city"):
        _quality("sizes", "--by", "region")
    assert "is no time such as" in _quality("sizes", "--every", "often").output
    assert _quality("sizes", "--every", "0s").exit_code == 2
    assert _quality("sizes", "--plot", "sizes.pdf").exit_code == 2


def test_the_trend_is_drawn(home: Path) -> None:
    """In both formats, with windows that were chosen and without."""
    from matplotlib.image import imread

    assert _quality("kinds", "--least", "5", "--plot", "kinds.svg").exit_code == 0
    assert ElementTree.parse("kinds.svg").getroot().tag.endswith("svg")
    assert _quality("sizes", "--every", "1h", "--by", "city", "--least", "3", "--plot", "sizes.png").exit_code == 0
    assert np.ptp(imread("sizes.png")[..., :3]) > 0.5
    assert _quality("alone", "--plot", "alone.png").exit_code == 13
