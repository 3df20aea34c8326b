from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.monitoring.drift.judgement import judge
from cuelight.monitoring.examination.examination import examine
from cuelight.monitoring.examination.findings import Fault
from tests.unit.monitoring.tables import nasty, scored

REFERENCE, CURRENT = nasty(1200, 4)
FOUND = {each.column: each for each in examine(REFERENCE, CURRENT).findings}


@pytest.mark.parametrize(
    ("column", "fault", "alert"),
    [
        ("input.all_null", Fault.ALL_NULL, True),
        ("input.all_inf", Fault.NOT_FINITE, True),
        ("input.some_inf", Fault.NOT_FINITE, False),
        ("input.typed", Fault.TYPE_CHANGED, True),
        ("input.spelled", Fault.TYPE_CHANGED, True),
        ("input.gone", Fault.MISSING_COLUMN, True),
        ("input.new", Fault.NEW_COLUMN, False),
        ("input.id", Fault.NOT_TESTED, False),
        ("input.when", Fault.NOT_TESTED, False),
        ("input.list", Fault.NOT_TESTED, False),
        ("input.empty_in_both", Fault.NOT_TESTED, False),
    ],
)
def test_each_fault_is_found(column: Any, fault: Any, alert: Any) -> None:
    """Every column that would crash a report, or fool it, is named with its fault and left out of the tests."""
    assert (FOUND[column].fault, FOUND[column].alert) == (fault, alert)


def test_what_is_left_can_be_tested() -> None:
    """The columns that pass have values on both sides, and odd but sound types are among them."""
    names = {column.name for column in examine(REFERENCE, CURRENT).columns}
    assert {"input.used", "input.flag", "input.small", "input.nullable", "input.odd <name>/%"} <= names
    assert not names & {"input.all_null", "input.all_inf", "input.typed", "input.gone", "input.id", "label"}


def test_sound_data_has_no_findings() -> None:
    """Two draws of one population give no finding at all."""
    assert examine(scored(2000, 1), scored(800, 2)).findings == ()


@pytest.mark.parametrize(("share", "alert"), [(0.3, True), (0.03, False)])
def test_missing_values_are_told_from_chance(share: Any, alert: Any) -> None:
    """Ten points more nulls than the reference alert; a few per cent do not."""
    current = scored(1000, 3)
    current.loc[np.random.default_rng(0).random(1000) < share, "input.used"] = np.nan
    assert bool(examine(scored(3000, 1), current).alerts) is alert


def test_nulls_that_were_always_there_are_no_fault() -> None:
    """A column that is half null in the reference may be half null in the window."""
    reference, current = scored(3000, 1), scored(1000, 2)
    for frame in (reference, current):
        frame.loc[frame.index % 2 == 0, "input.used"] = np.nan
    assert examine(reference, current).alerts == ()


@pytest.mark.parametrize(("share", "alert"), [(0.5, True), (0.01, False)])
def test_unknown_words_alert_when_they_are_many(share: Any, alert: Any) -> None:
    """A level that the reference never had is told; from a fifth of the rows on it alerts."""
    current = scored(1000, 3)
    current.loc[np.random.default_rng(0).random(1000) < share, "input.town"] = "Atlantis"
    examined = examine(scored(3000, 1), current)
    assert [each.fault for each in examined.findings] == [Fault.UNSEEN_LEVELS]
    assert "Atlantis" in examined.findings[0].text
    assert bool(examined.alerts) is alert


def test_new_codes_of_a_number_are_drift_and_not_bad_data() -> None:
    """A flag that moves from 0 to 1 altogether is another population: tested, not refused."""
    reference, current = scored(3000, 1), scored(1000, 2)
    reference["input.flag"], current["input.flag"] = 0, 1
    examined = examine(reference, current)
    assert examined.alerts == ()
    assert "input.flag" in [each.name for each in judge(examined.columns, 0.02, 4.0) if each.drifted]


def test_a_stuck_sensor_is_bad_data() -> None:
    """A continuous column with one value in the whole window alerts."""
    current = scored(1000, 2).assign(**{"input.used": 0.7})
    assert [each.fault for each in examine(scored(3000, 1), current).alerts] == [Fault.CONSTANT]


def test_an_empty_window_is_examined() -> None:
    """A window without rows gives findings, not an error."""
    assert examine(scored(100, 1), scored(100, 1).iloc[:0]).columns == ()
    assert isinstance(examine(pd.DataFrame(), pd.DataFrame()).findings, tuple)


def test_answers_may_be_labels_or_probabilities() -> None:
    """Callers that ask for probabilities leave no label in the journal: told, but no fault of the data."""
    reference = scored(2000, 1).assign(**{"output.proba.1": np.linspace(0, 1, 2000)})
    current = scored(1000, 2).assign(**{"output.proba.1": np.linspace(0, 1, 1000), "output.prediction": None})
    assert [each.fault for each in examine(reference, current).findings] == [Fault.ALL_NULL]
    assert examine(reference, current).alerts == ()
    assert examine(reference, current.drop(columns="output.proba.1")).alerts != ()


def test_a_personal_column_is_said_to_be_untested_and_is_no_bad_data() -> None:
    """The journal has another column in its place, also where it was not personal at first."""
    reference = pd.DataFrame({"input.name": ["a", "b"] * 50, "input.x": np.arange(100.0)})
    window = pd.DataFrame({"personal.name": ["***"] * 100, "input.x": np.arange(100.0)})
    for current in (window, window.assign(**{"input.name": None})):
        found = examine(reference, current)
        assert [each.text for each in found.findings] == ["input.name is personal: the journal does not hold it"]
        assert found.alerts == ()
        assert [each.name for each in found.columns] == ["input.x"]


@pytest.mark.parametrize(
    ("share", "value", "alert"), [(0.05, -999.0, True), (0.05, 5.0, False), (0.004, -999.0, False), (1.0, 400.0, True)]
)
def test_impossible_numbers_are_bad_data_and_drifted_ones_are_not(share: Any, value: Any, alert: Any) -> None:
    """A sentinel or another unit alerts when it is no single row; what lies just outside the range is for the tests."""
    current = scored(1000, 3)
    current.loc[np.random.default_rng(0).random(1000) < share, "input.used"] = value + current["input.used"] * 0.1
    examined = examine(scored(3000, 1), current)
    assert [each.fault for each in examined.alerts] == ([Fault.OUT_OF_RANGE] if alert else [])
    told = [each.text for each in examined.findings if each.fault is Fault.OUT_OF_RANGE]
    assert bool(told) is (abs(value) > 100)


def _rare(generator: np.random.Generator, rows: int) -> pd.DataFrame:
    """Columns whose sound windows look odd: hardly ever filled, hardly ever other than 0, heavy tails, rare words."""
    filled = generator.random(rows) < 0.001
    return pd.DataFrame(
        {
            "input.sparse": np.where(filled, generator.normal(size=rows), 0.0),
            "input.null": np.where(filled, generator.normal(size=rows), np.nan),
            "input.pareto": generator.pareto(1.0, size=rows),
            "input.cauchy": generator.standard_cauchy(size=rows),
            "input.words": [f"w{each}" for each in generator.zipf(1.3, size=rows)],
            "input.code": generator.poisson(0.5, size=rows).astype(float),
        }
    )


@pytest.mark.parametrize(("before", "now"), [(20_000, 500), (5000, 2000), (600, 500), (200, 2000)])
def test_odd_but_sound_columns_are_no_bad_data(before: Any, now: Any) -> None:
    """Of forty driftless windows none is bad, though columns are hardly filled, heavy-tailed or full of words."""
    generator = np.random.default_rng(7)
    alerts = [examine(_rare(generator, before), _rare(generator, now)).alerts for _ in range(40)]
    assert sum(bool(each) for each in alerts) <= 1, alerts


def test_whole_groups_without_a_value_are_no_bad_data() -> None:
    """Where a value is a person's, and rows come by fifties, missing shares go up and down with the persons."""
    generator = np.random.default_rng(8)
    plain = grouped = 0
    for _ in range(60):
        reference, current = (
            pd.DataFrame({"input.x": np.repeat(np.where(generator.random(people) < 0.3, np.nan, 1.0), 50)})
            for people in (60, 15)
        )
        for frame in (reference, current):
            frame["input.x"] += generator.normal(size=len(frame))
        plain += bool(examine(reference, current).alerts)
        grouped += bool(examine(reference, current, clustering=50.0).alerts)
    assert plain > 5
    assert grouped <= 1
