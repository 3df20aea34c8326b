from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cuelight.journal.query import Journal
from cuelight.kit.settings import Settings
from cuelight.monitoring.backtests.backtest import Backtest, Plan, Step
from cuelight.monitoring.backtests.moments import moments
from cuelight.monitoring.windows.baseline import Against
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.references import References
from cuelight.monitoring.windows.targets import Targets
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking
from tests.unit.monitoring.past import DAY, DAYS, MODEL, home
from tests.unit.monitoring.tables import scored

_NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC).timestamp()
_NOWHERE = "http://127.0.0.1:1"
_DRIFTS, _SWITCHES = 6, 3  # the days on which the data drifts, and on which version 2 takes over


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days: version 2 from the fourth on, drift from the seventh on, with answers that are as wrong as before."""
    folder = tmp_path_factory.mktemp("home")

    def table(day: int) -> pd.DataFrame:
        return scored(240, day, shift=0.7 if day >= _DRIFTS else 0.0)

    home(folder, _NOW, table, version=lambda day: 2 if day >= _SWITCHES else 1)
    return folder


@functools.cache
def _play(folder: Path, text: str = "1d", version: int | None = None, **changes: Any) -> list[Step]:
    own = {"monitoring_min_rows": 150, "retrain_min_labels": 100, "retrain_cooldown_seconds": 2.5 * DAY}
    own |= {"monitoring_q": 0.005, "monitoring_z": 4.0}  # by chance, three driftless days in a hundred may alarm
    settings = Settings(home=folder, **(own | changes))
    targets = Targets(MlflowRegistry(_NOWHERE), folder / "monitoring" / "targets", {})
    references = References(Tracking(_NOWHERE), folder / "monitoring" / "references")
    backtest = Backtest(settings, targets, references, Journal(folder / "journal"))
    whens = moments(_NOW - DAYS * DAY, _NOW, DAY)
    plan = Plan(MODEL, whens, Extent.parse(text), Against(settings.monitoring_against), version)
    return list(backtest.play(plan))


def _verdicts(steps: list[Step]) -> list[str]:
    return [step.outcome.verdict if step.outcome else "" for step in steps]


def test_each_day_is_judged_as_it_was_then(folder: Path) -> None:
    """By the version of the day, against its reference: what drifted alarms from the day on which it did."""
    steps = _play(folder)
    outcomes = [step.outcome for step in steps if step.outcome]
    assert len(outcomes) == DAYS
    assert [each.version for each in outcomes] == [1] * _SWITCHES + [2] * (DAYS - _SWITCHES)
    assert {each.rows for each in outcomes} == {240}
    assert set(_verdicts(steps)[:_DRIFTS]) <= {"ok", "watch"}
    assert set(_verdicts(steps)[_DRIFTS:]) == {"drift"}
    assert set(outcomes[-1].assessment.decision.ranked[:2]) == {"input.used", "output.prediction"}


def test_what_would_have_followed(folder: Path) -> None:
    """One alert when it begins, and a request with the second window; then a challenger waits, as it would have."""
    steps = _play(folder)
    alerts = [len(step.consequence.alerts) for step in steps]
    assert alerts == [0] * _DRIFTS + [1] + [0] * (DAYS - _DRIFTS - 1)
    asked = [bool(step.consequence.ask) for step in steps]
    assert asked == [False] * (_DRIFTS + 1) + [True, False, False]
    assert "features and predictions drifted in two windows running" in steps[_DRIFTS + 1].consequence.ask
    assert "a challenger waits in Staging" in steps[-1].consequence.why_not
    hasty = _play(folder, retrain_patience_days=0.0)
    assert "the pause after it lasts until" in hasty[-1].consequence.why_not


def test_labels_are_known_when_they_have_come(folder: Path) -> None:
    """Those of a day come two days later: the first windows have none, and requests wait for as many as they need."""
    steps = _play(folder)
    labelled = [step.outcome.labelled if step.outcome else -1 for step in steps]
    assert labelled[0] == 0
    assert labelled[_SWITCHES : _SWITCHES + 3] == [0, 0, 240]
    few = _play(folder, retrain_min_labels=1501)
    assert "only 1,440 of the 1,501 labelled rows it needs have come" in few[_DRIFTS + 1].consequence.why_not
    assert few[_DRIFTS + 2].consequence.ask


def test_against_the_previous_window_only_the_change_alarms(folder: Path) -> None:
    """The day on which it began drifted; a version's first day has none before it. Each reason names what it is of."""
    found = _play(folder, monitoring_against="previous")
    verdicts = _verdicts(found)
    assert [at for at, verdict in enumerate(verdicts) if verdict == "not enough data"] == [0, _SWITCHES]
    assert [at for at, verdict in enumerate(verdicts) if verdict == "drift"] == [_DRIFTS]
    outcome = found[_DRIFTS].outcome
    assert outcome is not None
    assert "against the previous window (2026-11-15 00:00 to 2026-11-16 00:00 UTC)" in outcome.sentence


def test_windows_of_rows_and_versions_by_number(folder: Path) -> None:
    """The newest rows at each moment; with a number that version's alone, of which nothing new comes one day."""
    steps = _play(folder, "200 rows", version=1)
    assert [step.outcome.rows for step in steps[:_SWITCHES] if step.outcome] == [200] * _SWITCHES
    labelled_later = [step for step in steps[_SWITCHES:] if step.outcome]
    assert len(labelled_later) == 2
    assert all(step.outcome is None and not step.note for step in steps[_SWITCHES + 2 :])


def test_what_cant_be_judged_says_why(folder: Path, tmp_path: Path) -> None:
    """Before the first row there is nobody to judge; and nothing is written but what is there already."""
    before = _files(folder)
    (step,) = _play(tmp_path)[:1]
    assert (step.outcome, step.note) == (None, "Nothing was answered on Production before.")
    document = _play(folder, "200 rows")[-1].document()
    assert (document["verdict"], document["window"]["rows"]) == ("drift", 200)
    assert "a challenger waits in Staging" in document["would_follow"]["why_not"]
    assert _files(folder) == before


def _files(folder: Path) -> list[Path]:
    """All but what can be had again."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "calibrations")
