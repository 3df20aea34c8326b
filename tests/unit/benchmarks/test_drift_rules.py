from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.drifts.changes import CHANGES, Shifted, moved_levels
from benchmarks.drifts.conditions import CLUSTERED, MIXED, SEASONAL
from benchmarks.drifts.populations import DAY, WEEK, Population, Rows, columns
from benchmarks.drifts.rules import evidently, panel, psi
from benchmarks.drifts.rules.cuelight import Cuelight
from cuelight.monitoring.drift.statistics import compare
from cuelight.monitoring.examination.columns import Column, Kind
from cuelight.monitoring.reports.report import Page, write


def _pair(reference: int, rows: int, shifted: bool = False, seed: int = 1) -> tuple[Rows, Rows]:
    generator = np.random.default_rng(seed)
    population = Population(MIXED, 12, generator)
    before, now = population.draw(generator, reference), population.draw(generator, rows)
    if shifted:
        now = moved_levels(population, generator, Shifted(0.5)(population, generator, now))
    return before, now


def _frame(given: Sequence[Column], side: str) -> pd.DataFrame:
    text = Kind.CATEGORICAL
    return pd.DataFrame({c.name: getattr(c, side).astype(str if c.kind is text else float) for c in given})


def _library(given: Sequence[Column]) -> tuple[dict[str, float], dict[str, bool], bool]:
    """What Evidently says with its defaults: each column's value, whether it has drifted, whether the whole has."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = {
        kind: [column.name for column in given if column.kind is kind] for kind in (Kind.NUMERIC, Kind.CATEGORICAL)
    }
    kinds = DataDefinition(numerical_columns=names[Kind.NUMERIC], categorical_columns=names[Kind.CATEGORICAL])
    now, before = (Dataset.from_pandas(_frame(given, side), kinds) for side in ("current", "reference"))
    document: dict[str, Any] = Report([DataDriftPreset()], include_tests=True).run(now, before).dict()
    values = {
        each["config"]["column"]: float(each["value"]) for each in document["metrics"] if "column" in each["config"]
    }
    failed = {
        each["metric_config"]["params"].get("column", ""): str(each["status"]).upper().endswith("FAIL")
        for each in document["tests"]
    }
    return values, {name: failed[name] for name in values}, failed[""]


@pytest.mark.parametrize("reference", [900, 3_000])
@pytest.mark.parametrize("shifted", [False, True])
def test_evidently_s_defaults_are_evidently_s(reference: int, shifted: bool) -> None:
    """Values, flags and the verdict on the whole are the library's, by tests and by distances."""
    given = columns(*_pair(reference, 700, shifted))
    values, flags, drifted = _library(given)
    assert {column.name: evidently.score(column)[1] for column in given} == pytest.approx(values, rel=1e-6, abs=1e-9)
    assert dict(zip((column.name for column in given), evidently.flags(given), strict=True)) == flags
    assert (sum(flags.values()) >= evidently.SHARE * len(flags)) == drifted


def test_cuelight_s_figures_are_those_of_its_report(tmp_path: Path) -> None:
    """The tests that are called here directly give what Evidently's report shows of the same columns."""
    before, now = _pair(3_000, 700, shifted=True)
    given, rule = columns(before, now), Cuelight.of(before)
    judged = rule.judged(now)
    page = Page("drifts", "drift", "A test.", rule.settings.monitoring_q, 300)
    *_, data = write(page, given, judged, tmp_path)
    document = json.loads(data.read_text())["evidently"]
    shown = {each["config"]["column"]: each["value"] for each in document["metrics"] if "column" in each["config"]}
    failed = {
        each["metric_config"]["params"].get("column"): str(each["status"]).upper().endswith("FAIL")
        for each in document["tests"]
    }
    mine = [each for each in judged if each.name in shown]
    assert len(mine) == len(given)
    assert shown == pytest.approx({column.name: compare(column).p_value for column in given}, rel=1e-9)
    assert shown == pytest.approx({each.name: each.comparison.p_value for each in mine}, rel=1e-9)
    assert {each.name: failed[each.name] for each in mine} == {each.name: each.drifted for each in mine}
    assert {each.drifted for each in mine} == {True, False}
    assert rule.alarms(now, judged)


def test_psi_is_its_formula() -> None:
    """Half and half becomes three to one: 0.25 log 1.5 + 0.25 log 2; a level that is gone still has a logarithm."""
    before, now = np.repeat([0, 1], [50, 50]), np.repeat([0, 1], [75, 25])
    column = Column("input.c", Kind.CATEGORICAL, before, now, ("a", "b"))
    assert psi.index(column) == pytest.approx(0.25 * np.log(1.5) + 0.25 * np.log(2))
    gone = Column("input.c", Kind.CATEGORICAL, before, np.zeros(10, np.int64), ("a", "b"))
    assert psi.index(gone) == pytest.approx(0.5 * np.log(2) + 0.4999 * np.log(5_000), abs=0.01)
    values = np.arange(1_000.0)
    before, now = psi.shares(Column("input.n", Kind.NUMERIC, values, values[:500]))
    assert before == pytest.approx(np.full(10, 0.1), abs=0.002)
    assert now == pytest.approx([0.2] * 5 + [0.0] * 5, abs=0.005)


def test_all_rules_see_what_is_plain() -> None:
    """Half a standard deviation and ten points in 2,000 rows: all but those that want more of it."""
    before, now = _pair(5_000, 2_000, shifted=True)
    found = panel.Panel(before).alarms(now)
    assert tuple(found) == panel.RULES
    assert [rule for rule, alarm in found.items() if alarm is False] in (
        [panel.EVIDENTLY_SHARE],
        [panel.EVIDENTLY_SHARE, panel.PSI[0.25]],
    )


def test_a_changed_window_is_judged_as_if_it_came_alone() -> None:
    """Columns that a change left alone are not tested again, and nothing else comes of it."""
    generator = np.random.default_rng(4)
    population = Population(MIXED, 12, generator)
    before, now = population.draw(generator, 2_000), population.draw(generator, 600)
    together = panel.Panel(before)
    for change in (lambda _p, _g, rows: rows, *CHANGES.values()):
        window = change(population, generator, now)
        assert together.alarms(window) == panel.Panel(before).alarms(window)


def test_too_few_rows_are_no_verdict() -> None:
    """Cuelight alone says that it can't tell."""
    before, now = _pair(1_000, 100)
    found = panel.Panel(before).alarms(now)
    assert [rule for rule, alarm in found.items() if alarm is None] == [panel.CUELIGHT]


def test_callers_and_hours_are_told() -> None:
    """Where rows come by callers, or by the hour, Cuelight is told, and does not alarm on either."""
    for world, seconds in ((CLUSTERED, WEEK), (SEASONAL, DAY / 2)):
        generator = np.random.default_rng(9)
        population = Population(world, 5, generator)
        before, now = population.draw(generator, 5_000), population.draw(generator, 1_000, 2 * WEEK, seconds)
        found = panel.Panel(before).alarms(now)
        assert (found[panel.CUELIGHT], found[panel.BONFERRONI]) == (False, True)
