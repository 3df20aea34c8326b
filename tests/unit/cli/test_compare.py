from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cuelight.cli.compare import command
from cuelight.journal.record import Label, Prediction, Record, Schema
from cuelight.kit.errors import BadInput, NotFound
from tests.support.journal import prediction, schema, write

_NOW = time.time()
_WIDE = {"COLUMNS": "200"}


def _answered(model: str, number: int, answer: Any, arm: str = "champion", **changes: Any) -> Prediction:
    version = 1 if arm == "champion" else 2
    fields: dict[str, Any] = {
        "model": model,
        "time": _NOW - 60 + number,
        "prediction_id": f"{model}-{number}",
        "version": version,
        "digest": f"{model}{version}",
        "track": "Production" if version == 1 else "Staging",
        "predictions": [answer],
    }
    return prediction(number, arm=arm, **(fields | changes))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with a classifier and a regressor that have shadows, one with a canary, one with neither, and
    one whose shadow always fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    records: list[Record] = []
    for number in range(40):
        label, other = ("[b]" if number % 2 else "a"), ("[b]" if number % 4 else "a")
        shares = {"classes": ["a", "[b]"], "values": [[0.75, 0.25]]}
        records += [
            _answered("kinds", number, label, probabilities=shares),
            _answered("kinds", number, other, "shadow", probabilities=shares, latency_ms=3.0),
            Label(_NOW, "kinds", f"kinds-{number}", 0, other),
            _answered("sizes", number, float(number), latency_ms=1.0),
            _answered("sizes", number, number + (5.0 if number == 7 else 0.0), "shadow"),
            _answered("shared", number, "a", "champion" if number % 2 else "canary"),
            _answered("alone", number, 1.0),
            _answered("broken", number, 1.0),
            _answered("broken", number, 1.0, "shadow", status=500, error="The model failed on this input."),
        ]
    records.append(_answered("sizes", 50, 1.0))
    records.append(_answered("sizes", 50, 1.0, "shadow", status=500, error="The model failed on this input."))
    models = ("kinds", "sizes", "shared", "alone", "broken")
    schemas = [
        Schema(model, version, f"{model}{version}", schema().signature) for model in models for version in (1, 2)
    ]
    write(tmp_path / "journal", *records, schemas=schemas)
    return tmp_path


def _compare(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env=_WIDE, catch_exceptions=False)


def test_labels_are_compared_by_class(home: Path) -> None:
    """Names as they are, counts, agreement, what labels say, and the rows that differ."""
    output = _compare("kinds", "--top", "2").output
    assert "kinds: version 1 in Production, version 2 as its shadow: 40 requests" in output
    assert "The same label for 75.00% of 40 rows." in output
    rows = [line.split() for line in output.splitlines()]
    assert ["a", "10", "10", "50.0%", "0"] in rows
    assert ["[b]", "20", "0", "100.0%", "0"] in rows
    assert ["latency", "p50,", "ms", "1.5", "3"] in rows
    assert ["accuracy", "0.75", "1"] in rows
    assert "Gain by version 2 in accuracy: +0.25 (95% interval +0." in output
    assert "Only version 1 has 0 rows right, only version 2 10: p 0.002 by McNemar's exact test." in output
    assert sum("kinds-" in line for line in output.splitlines()) == 2


def test_numbers_are_compared_by_their_differences(home: Path) -> None:
    """Within the tolerance that is said; a failure of the shadow is named."""
    output = _compare("sizes").output
    assert "The same number, give or take 0.351, for 97.50% of 40 rows. Difference: mean +0.125" in output
    assert "version 2 failed on 1 of the requests:" in output
    assert ["sizes-50", "500", "The", "model", "failed", "on", "this", "input."] in [
        line.split() for line in output.splitlines()
    ]
    assert ["sizes-7", "0", "7", "12", "5"] in [line.split() for line in output.splitlines()]
    assert "for 100.00% of 40 rows" in _compare("sizes", "--tolerance", "5").output


def test_a_shadow_that_always_fails_is_shown_all_the_same(home: Path) -> None:
    """There are no answers of it; there are its failures."""
    output = _compare("broken", "--plot", "broken.png", "--top", "3").output
    assert "The same" not in output
    assert "version 2 failed on 40 of the requests:" in output
    assert sum("broken-" in line for line in output.splitlines()) == 3
    found = json.loads(_compare("broken", "--json").output)
    assert (found["failed"], found["outputs"], found["gain"], found["new_ms"]) == (40, {}, None, {})


def test_programs_get_json(home: Path) -> None:
    """All figures, and which rows."""
    found = json.loads(_compare("sizes", "--json").output)
    assert (found["old"], found["new"], found["requests"], found["failed"]) == (1, 2, 41, 1)
    assert found["outputs"]["prediction"]["mean"] == pytest.approx(5 / 40)
    assert [each["prediction_id"] for each in found["differing"]["prediction"]] == ["sizes-7"]
    assert found["old_ms"]["50"] == 1.0
    newest = json.loads(_compare("sizes", "--json", "--rows", "10").output)
    assert newest["outputs"]["prediction"]["rows"] == 10


def test_arms_on_requests_of_their_own_are_beside_each_other(home: Path) -> None:
    """A canary is shown where there is no shadow, or where it is asked for."""
    rows = [line.split() for line in _compare("shared").output.splitlines()]
    assert ["version", "1,", "champion", "version", "2,", "canary"] in rows
    assert ["prediction:", "a", "1", "1"] in rows
    assert [each["name"] for each in json.loads(_compare("shared", "--json").output)] == ["champion", "canary"]
    with pytest.raises(NotFound, match=r"no answers of a shadow of shared.*cuelight.shadow = 100"):
        _compare("shared", "--arm", "shadow")
    with pytest.raises(BadInput, match="--plot draws a shadow"):
        _compare("shared", "--plot", "a.png")


def test_where_there_is_nothing_it_says_how_to_get_it(home: Path) -> None:
    """No shadow, a mistyped name, versions that were never a pair, a time without requests."""
    with pytest.raises(NotFound, match=r"no answers of a shadow or a canary of alone.*cuelight.shadow = 100"):
        _compare("alone")
    with pytest.raises(NotFound, match=r"no answers of a canary of kinds.*cuelight.canary = 10"):
        _compare("kinds", "--arm", "canary")
    with pytest.raises(
        NotFound, match=r"no requests to 'sises'; it has requests to: alone, broken, kinds, shared, sizes"
    ):
        _compare("sises")
    with pytest.raises(NotFound, match=r"versions 1 and 7. There are --versions 1,2"):
        _compare("kinds", "--versions", "1,7")
    with pytest.raises(NotFound, match="in that time"):
        _compare("kinds", "--since", "2099-01-01")
    assert "is no pair of versions" in _compare("kinds", "--versions", "3").output
    assert _compare("kinds", "--plot", "kinds.pdf").exit_code == 2


def test_it_is_drawn(home: Path) -> None:
    """As a picture that says what it shows, in both formats, of labels and of numbers."""
    from matplotlib.image import imread

    assert _compare("kinds", "--plot", "kinds.svg").exit_code == 0
    assert ElementTree.parse("kinds.svg").getroot().tag.endswith("svg")
    assert _compare("sizes", "--plot", "sizes.png").exit_code == 0
    assert np.ptp(imread("sizes.png")[..., :3]) > 0.5
