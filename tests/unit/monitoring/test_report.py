from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from cuelight.monitoring.drift import judge
from cuelight.monitoring.quality import examine
from cuelight.monitoring.report import NotRendered, Page, plain, write
from tests.unit.monitoring.tables import nasty, scored

PAGE = Page("a <model>, version 3", "drift", "Input.used (z 9.1) drifted & more.", 0.02, 400)


def _values(document: dict[str, Any]) -> dict[str, float]:
    metrics = document["evidently"]["metrics"]
    return {each["config"]["column"]: each["value"] for each in metrics if "column" in each["config"]}


def _statuses(document: dict[str, Any]) -> dict[str, bool]:
    """Column to `drifted`, as Evidently's tests say it."""
    tests = document["evidently"]["tests"]
    columns = {each["metric_config"]["params"].get("column"): each for each in tests}
    return {str(name): str(each["status"]).upper().endswith("FAIL") for name, each in columns.items() if name}


def test_the_page_says_what_the_verdict_says(tmp_path: Path) -> None:
    """Evidently's value of each column is SciPy's p-value on all rows and its status ours, though plots are sampled."""
    reference, current = scored(1500, 1), scored(900, 2, shift=0.4)
    columns = examine(reference, current).columns
    judged = judge(columns, 0.02, 4.0)
    page, data = write(PAGE, columns, judged, tmp_path)
    document = json.loads(data.read_text())
    values = _values(document)
    assert values == pytest.approx({each.name: each.comparison.p_value for each in judged}, rel=1e-9)
    expected = stats.ks_2samp(reference["input.used"], current["input.used"], method="asymp").pvalue
    assert values["input.used"] == pytest.approx(expected)
    statuses = _statuses(document)
    assert {each.name: statuses[each.name] for each in judged} == {each.name: each.drifted for each in judged}
    assert any(each.drifted for each in judged)
    assert not all(each.drifted for each in judged)
    text = page.read_text()
    assert "a &lt;model&gt;, version 3" in text
    assert "400 rows of the reference and 400 of the window" in text


def test_columns_that_crash_evidently_do_not_crash_the_report(tmp_path: Path) -> None:
    """A table with every column that FACTS lists as fatal gives a page, and JSON without NaN."""
    examined = examine(*nasty(900, 4))
    _, data = write(PAGE, examined.columns, judge(examined.columns, 0.02, 4.0), tmp_path)
    document = json.loads(data.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(_values(document)) == {column.name for column in examined.columns}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drift.html", "drift.json"]


def test_without_columns_there_is_no_page(tmp_path: Path) -> None:
    """Nothing to show is said, not crashed on."""
    with pytest.raises(NotRendered, match="no column"):
        write(PAGE, (), (), tmp_path)


def test_what_json_cannot_hold_becomes_null() -> None:
    """NaN and infinities are null, NumPy numbers plain ones, at any depth."""
    import numpy as np

    assert plain({"a": [np.float64("nan"), np.int64(3), (1.5, float("inf"))]}) == {"a": [None, 3, [1.5, None]]}
