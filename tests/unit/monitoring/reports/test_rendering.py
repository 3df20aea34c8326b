from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.reports.front import Place, front
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.rendering import render
from cuelight.monitoring.reports.report import Page, results, samples
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import nasty

Said = dict[str, tuple[float, bool]]  # by column: p-value and whether it drifted


@pytest.mark.parametrize("seed", range(4))
def test_every_verdict_on_the_pages_is_ours(seed: int, tmp_path: Path) -> None:
    """Whatever the window: p-values and states in Evidently's HTML and JSON, and on our page, are the rule's.

    Some states are turned round by lot, so that p-value and state disagree as they do where only one of the rule's two
    conditions holds: Evidently must not go by its threshold.
    """
    generator = np.random.default_rng(seed)
    outcome = _turned(judged(*_window(generator)), generator)
    columns = [each for each in outcome.assessment.columns if not each.is_joint]
    expected = {each.name: (each.comparison.p_value, each.drifted) for each in columns}
    page = Page("random", outcome.verdict, "why", 0.02, 100_000 if seed % 2 else 150)
    drawn = samples(outcome.assessment.examination.columns, page.plot_rows)
    assert max(map(len, drawn)) <= page.plot_rows
    render(page, *drawn, results(columns), tmp_path)

    document = json.loads((tmp_path / "drift.json").read_text())["evidently"]
    assert _in_json(document) == expected
    shown = json.loads(_script((tmp_path / "drift.html").read_text()))
    table = _in_table(shown)
    assert {name: drifted for name, (_, drifted) in table.items()} == {name: each[1] for name, each in expected.items()}
    assert {name: p for name, (p, _) in table.items()} == pytest.approx(
        {n: p for n, (p, _) in expected.items()}, abs=1e-6
    )
    assert _in_tests(shown) == {name: drifted for name, (_, drifted) in expected.items()}
    count = sum(each.drifted for each in columns)
    assert f"({count} out of {len(columns)})" in json.dumps(shown)
    told = {each.label: (f"{each.comparison.p_value:.3g}", each.drifted) for each in outcome.assessment.columns}
    assert _on_front(outcome) == told


def _window(generator: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A window and its reference: numbers and categories that drift or don't, constants, nulls, and what is nasty."""
    sizes = [int(each) for each in generator.integers(600, 2500, 2)]
    before, now = nasty(min(sizes), int(generator.integers(1000)))
    for index in range(5):
        shift = generator.choice([0.0, 0.0, 0.1, 0.2, 0.6])
        for frame, moved in ((before, 0.0), (now, shift)):
            frame[f"input.n{index}"] = _numbers(generator, len(frame), index, moved)
            frame[f"input.c{index}"] = _words(generator, len(frame), 2 + 3 * index, moved)
    return now, before


def _numbers(generator: np.random.Generator, rows: int, index: int, shift: float) -> Any:
    values = generator.normal(shift, 1.0, rows)
    values[generator.random(rows) < 0.03 * (index % 3)] = np.nan
    return np.exp(values) if index % 2 else values.round(index % 3)


def _words(generator: np.random.Generator, rows: int, levels: int, shift: float) -> Any:
    chosen = generator.integers(levels, size=rows)
    moved = generator.random(rows) < shift
    words = np.array([f"<{level}> & more" for level in range(levels)], dtype=object)[np.where(moved, 0, chosen)]
    words[generator.random(rows) < 0.02] = None
    return words


def _turned(outcome: Outcome, generator: np.random.Generator) -> Outcome:
    def turn(column: ColumnDrift) -> ColumnDrift:
        return replace(column, drifted=bool(column.drifted) != bool(generator.random() < 0.2))

    columns = tuple(turn(each) for each in outcome.assessment.columns)
    assert any(each.drifted for each in columns)
    assert any(each.drifted != (each.comparison.p_value < 0.02) for each in columns)
    return replace(outcome, assessment=replace(outcome.assessment, columns=columns))


def _in_json(document: dict[str, Any]) -> Said:
    values = {each["config"]["column"]: each["value"] for each in document["metrics"] if "column" in each["config"]}
    states = {each["metric_config"]["params"].get("column"): each["status"] for each in document["tests"]}
    return {name: (value, str(states[name]).upper().endswith("FAIL")) for name, value in values.items()}


def _script(text: str) -> str:
    """The object that Evidently's page draws itself from."""
    begin = re.search(r"var metric_\w+ = (?=\{)", text)
    assert begin
    return json.dumps(json.JSONDecoder().raw_decode(text, begin.end())[0])


def _widgets(value: Any, kind: str) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for each in value for found in _widgets(each, kind)]
    if not isinstance(value, dict):
        return []
    return ([value] if value.get("type") == kind else []) + [
        found for each in value.values() for found in _widgets(each, kind)
    ]


def _in_table(shown: dict[str, Any]) -> Said:
    rows = [row for table in _widgets(shown, "big_table") for row in table["params"]["data"]]
    return {row["column_name"]: (row["drift_score"], row["data_drift"] == "Detected") for row in rows}


def _in_tests(shown: dict[str, Any]) -> dict[str, bool]:
    tests = [each for suite in _widgets(shown, "test_suite") for each in suite["params"]["tests"]]
    prefix = "Value Drift for column "
    return {
        each["title"].removeprefix(prefix): each["state"] == "fail"
        for each in tests
        if each["title"].startswith(prefix)
    }


class _Cells(HTMLParser):
    """The cells of the page's table, row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        self._open = tag == "td"
        if self._open:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = False


def _on_front(outcome: Outcome) -> dict[str, tuple[str, bool]]:
    cells = _Cells(front(outcome, Place("http://m/#/experiments/1/runs/2")))
    return {row[0]: (row[3], row[1] == "drifted") for row in cells.rows if row}
