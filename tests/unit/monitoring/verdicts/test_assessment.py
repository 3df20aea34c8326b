from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.verdicts.assessment import Case, assess, assess_together
from cuelight.operations.verdict import Verdict
from tests.unit.monitoring.tables import scored

REFERENCE, NOTHING = scored(3000, 1), scored(0, 9)


def test_each_window_of_several_has_its_own_verdict() -> None:
    """A drifted segment alarms, the others don't, and one with too few rows says so."""
    cases = [Case(REFERENCE, scored(rows, 2, shift), NOTHING) for rows, shift in ((800, 0.0), (800, 0.5), (20, 0.5))]
    found = [each.decision.verdict for each in assess_together(cases, Settings())]
    assert found == [Verdict.OK, Verdict.DRIFT, Verdict.NOT_ENOUGH_DATA]


def test_nothing_to_judge_is_nothing() -> None:
    """No cases, no assessments; and an empty window is not enough data, not an error."""
    assert assess_together([], Settings()) == []
    assert assess(Case(REFERENCE, NOTHING, NOTHING), Settings()).decision.verdict is Verdict.NOT_ENOUGH_DATA


def _people(rows: int, seed: int, each: int = 40) -> pd.DataFrame:
    """Rows of people, 40 of one after another, who differ more from each other than from themselves."""
    generator = np.random.default_rng(seed)
    person = np.arange(rows) // each
    columns = {}
    for index in range(6):
        own = generator.normal(size=person.max() + 1)[person]
        columns[f"input.n{index}"] = 0.8 * own + 0.6 * generator.normal(size=rows)
    answers = columns["input.n0"] + columns["input.n1"]
    wrong = answers + generator.normal(size=person.max() + 1)[person]
    names = np.array([f"{seed}-{each}" for each in person])
    return pd.DataFrame({**columns, "input.person": names, "output.prediction": answers, "label": wrong})


def test_rows_of_the_same_people_do_not_alarm(tmp_path: Path) -> None:
    """Forty rows a person: without the setting every window alarms, with it next to none does, and drift still does."""
    reference, plain, grouped = _people(5000, 0), Settings(), Settings(monitoring_group="person")
    nameless, calibration = reference.drop(columns="input.person"), Calibrations(tmp_path)
    quiet = loud = 0
    for seed in range(1, 9):
        rows = _people(2000, seed)
        with_it = assess(Case(reference, rows, rows, calibration=calibration), grouped).decision.verdict
        without = assess(Case(nameless, rows, rows, calibration=calibration), plain).decision.verdict
        quiet += with_it in (Verdict.OK, Verdict.WATCH)
        loud += without in (Verdict.DRIFT, Verdict.DEGRADED)
    assert quiet >= 7
    assert loud >= 7
    moved = rows.assign(**{"input.n0": rows["input.n0"] + 1.0})
    found = assess(Case(reference, moved, NOTHING, calibration=calibration), grouped).decision
    assert found.verdict is Verdict.DRIFT
    assert found.ranked[0] == "input.n0"


def test_larger_groups_than_the_reference_s_do_not_alarm(tmp_path: Path) -> None:
    """A reference of five rows a person says how far windows of forty stray."""
    reference, settings = _people(5000, 0, each=5), Settings(monitoring_group="person")
    found = [
        assess(Case(reference, rows, rows, calibration=Calibrations(tmp_path)), settings).decision.verdict
        for rows in (_people(2000, seed) for seed in range(1, 9))
    ]
    assert sum(each in (Verdict.OK, Verdict.WATCH) for each in found) >= 7


def _hourly(days: int, seed: int, start: float = 0.0, hours: tuple[int, int] = (0, 24), rows: int = 30) -> pd.DataFrame:
    """Rows an hour of some days, with a temperature that follows the sun, and each day's own weather."""
    generator = np.random.default_rng(seed)
    day, hour, _ = np.meshgrid(np.arange(days), np.arange(*hours), np.arange(rows), indexing="ij")
    weather = generator.normal(0.0, 0.3, days)[day.ravel()]
    heat = np.sin(hour.ravel() / 24 * 2 * np.pi) + weather + generator.normal(0.0, 0.5, day.size)
    time = start + day.ravel() * 86_400.0 + hour.ravel() * 3600.0 + generator.uniform(0, 3600, day.size)
    other = generator.normal(size=day.size)
    return pd.DataFrame({"input.heat": heat, "input.other": other, "output.prediction": 2 * heat, "time": time})


def test_an_hour_of_the_day_does_not_alarm() -> None:
    """Windows of four hours against all hours alarm; against the same hours they do not, and drift in them does."""
    reference, plain, daily = _hourly(40, 0, rows=8), Settings(), Settings(monitoring_cycle="daily")
    windows = [
        _hourly(1, seed, 100 * 86_400.0 * seed, (start, start + 4), 150) for seed, start in enumerate((2, 8, 14, 20), 1)
    ]
    assert all(assess(Case(reference, rows, NOTHING), plain).decision.verdict is Verdict.DRIFT for rows in windows)
    found = [assess(Case(reference, rows, NOTHING), daily).decision.verdict for rows in windows]
    assert not any(each in (Verdict.DRIFT, Verdict.BAD_DATA, Verdict.NOT_ENOUGH_DATA) for each in found)
    moved = windows[0].assign(**{"input.other": windows[0]["input.other"] + 0.5})
    decision = assess(Case(reference, moved, NOTHING), daily).decision
    assert decision.verdict in (Verdict.DRIFT, Verdict.WATCH)
    assert decision.ranked == ("input.other",)
    assert "same hours" in decision.reason or decision.verdict is Verdict.WATCH


def test_hours_without_a_reference_are_not_judged() -> None:
    """A window of the night by a reference of the day is not enough data, whatever it holds."""
    day = _hourly(40, 0, hours=(8, 20), rows=8)
    decision = assess(Case(day, _hourly(1, 1, 0.0, (0, 4), 150), NOTHING), Settings(monitoring_cycle="daily")).decision
    assert decision.verdict is Verdict.NOT_ENOUGH_DATA
    assert "same hours" in decision.reason
