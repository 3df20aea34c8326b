from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuelight.monitoring.drift.judgement import judge
from cuelight.monitoring.examination.examination import examine
from cuelight.monitoring.quality.performance import ABSOLUTE_ERROR, Labelled, answers
from cuelight.monitoring.reports.rendering import render_quality
from cuelight.monitoring.reports.report import NotRendered, Page, plain, sampled, samples, write
from tests.unit.monitoring.tables import nasty, scored


def _classes(*names: str) -> pd.DataFrame:
    chosen = np.random.default_rng(len(names)).choice(names, size=(300, 2))
    return pd.DataFrame(chosen, columns=["label", "prediction"]).astype(object)


LABELLED = {
    "regression": Labelled(
        answers(scored(500, 1), ABSOLUTE_ERROR), answers(scored(500, 2), ABSOLUTE_ERROR), classes=False
    ),
    "two classes": Labelled(_classes("0", "1"), _classes("0", "1"), classes=True),
    "three classes": Labelled(_classes("a", "b", "c"), _classes("a", "b", "c"), classes=True),
    "a new class": Labelled(_classes("0", "1"), _classes("0", "1", "7"), classes=True),
}
PAGE = Page("a <model>, version 3", "drift", "Input.used (z 9.1) drifted & more.", 0.02, 400, "Drawn <so>.")


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
    judged = [each for each in judge(columns, 0.02, 4.0) if not each.is_joint]
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
    assert "Drawn &lt;so&gt;." in text


def test_columns_that_crash_evidently_do_not_crash_the_report(tmp_path: Path) -> None:
    """A table with every column that FACTS lists as fatal gives a page, and JSON without NaN."""
    examined = examine(*nasty(900, 4))
    _, data = write(PAGE, examined.columns, judge(examined.columns, 0.02, 4.0), tmp_path)
    document = json.loads(data.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(_values(document)) == {column.name for column in examined.columns}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drift.html", "drift.json"]


@pytest.mark.parametrize("task", ["regression", "two classes", "three classes"])
def test_labels_have_a_page_of_their_own(task: str, tmp_path: Path) -> None:
    """Labelled rows of a regression, or of any number of classes, are drawn."""
    render_quality(PAGE, LABELLED[task], tmp_path)
    assert (tmp_path / "quality.html").stat().st_size > 100_000


def test_a_quality_page_that_fails_costs_nothing_else(tmp_path: Path) -> None:
    """Labels that Evidently can't draw (here a third class) leave the drift page and its data as they are."""
    columns = examine(scored(600, 1), scored(600, 2)).columns
    made = write(PAGE, columns, judge(columns, 0.02, 4.0), tmp_path, LABELLED["a new class"])
    assert [path.name for path in made] == ["drift.html", "drift.json"]


def test_plots_are_drawn_on_a_seeded_sample_and_it_is_said() -> None:
    """Rows are chosen by a fixed seed, at most as many as wanted; a column that they miss keeps one of its values."""
    before, now = scored(1500, 1), scored(900, 2)
    now["input.unused"] = np.where(np.arange(900) == 3, 1.0, np.nan)
    columns = examine(before, now).columns
    first, second = samples(columns, 100), samples(columns, 100)
    assert [len(each) for each in first] == [100, 100]
    assert all(one.equals(other) for one, other in zip(first, second, strict=True))
    assert first[1]["input.unused"].dropna().tolist() == [1.0]
    assert set(first[1]["input.used"]) < set(now["input.used"])
    assert "100 rows of the reference and 100 of the window, taken at random (seed 20240)" in sampled(columns, 100)
    assert sampled(columns, 1500) == "Evidently's tests and plots use all rows."


def test_without_columns_there_is_no_page(tmp_path: Path) -> None:
    """Nothing to show is said, not crashed on."""
    with pytest.raises(NotRendered, match="no column"):
        write(PAGE, (), (), tmp_path)


def test_what_json_cannot_hold_becomes_null() -> None:
    """NaN and infinities are null, NumPy numbers plain ones, at any depth."""
    assert plain({"a": [np.float64("nan"), np.int64(3), (1.5, float("inf"))]}) == {"a": [None, 3, [1.5, None]]}
