from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuelight.kit.errors import NotFound
from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.verdicts.assessment import Assessment, Case
from cuelight.monitoring.verdicts.segments import LEAST_ROWS, MOST, assess, split
from cuelight.monitoring.windows.baseline import Baseline
from cuelight.operations.verdict import Verdict
from tests.unit.monitoring.tables import scored

_NOTHING = scored(0, 9)
_REGIONS = ("north", "east", "south")
_FIVE = (*_REGIONS, "west", "middle")


def _table(rows: int, seed: int, regions: tuple[str, ...] = _REGIONS) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return scored(rows, seed).assign(**{"input.region": generator.choice(regions, rows)})


REFERENCE = _table(3000, 1)


@pytest.fixture(scope="module")
def calibrations(tmp_path_factory: pytest.TempPathFactory) -> Calibrations:
    """They are the same for all tests here."""
    return Calibrations(tmp_path_factory.mktemp("calibrations"))


def _assess(window: pd.DataFrame, calibrations: Calibrations, **case: Any) -> Assessment:
    changes = {"reference": REFERENCE, "labelled": _NOTHING, "calibration": calibrations} | case
    return assess(Case(rows=window, **changes), Settings(monitoring_by="region"))


def test_drift_in_one_segment_is_found_and_named(calibrations: Calibrations) -> None:
    """No column of the whole has drifted; the segment's has, is named, and asks for no retraining by itself."""
    reference, window = _table(4000, 3, _FIVE), _table(1500, 20, _FIVE)
    window.loc[window["input.region"] == "south", ["input.used", "output.prediction"]] += 0.5
    found = _assess(window, calibrations, reference=reference)
    assert not any(each.drifted for each in found.columns if not each.is_joint)
    assert found.decision.verdict is Verdict.DRIFT
    assert "region=south: input.used" in found.decision.ranked
    assert "rift in 1 of 5 segments by region: region=south: input.used (z " in found.decision.reason
    assert found.decision.reason.endswith(".")
    assert found.decision.retrain == ""
    assert {name for name, each in found.segments.items() if each.decision.verdict is Verdict.DRIFT} == {"region=south"}


def test_without_drift_the_sentence_tells_of_the_segments(calibrations: Calibrations) -> None:
    """Each segment is compared with itself: that regions differ is no drift."""
    reference, window = _table(3000, 3), _table(1500, 4)
    for side in (reference, window):
        side.loc[side["input.region"] == "east", "input.used"] += 3.0
    found = _assess(window, calibrations, reference=reference)
    assert found.decision.verdict in (Verdict.OK, Verdict.WATCH)
    assert set(found.segments) == {f"region={each}" for each in _REGIONS}
    assert found.decision.verdict is Verdict.WATCH or "nor in any of 3 segments by region." in found.decision.reason


def test_one_correction_is_over_the_whole_and_its_segments(calibrations: Calibrations) -> None:
    """Corrected p-values are those of all tests of the report, by Benjamini and Hochberg."""
    from scipy import stats

    found = _assess(_table(1500, 5), calibrations)
    tests = [each for part in (found, *found.segments.values()) for each in part.columns]
    expected = stats.false_discovery_control([each.comparison.p_value for each in tests])
    assert [each.adjusted_p for each in tests] == pytest.approx(expected)
    assert len(tests) > 3 * len(found.columns)


def test_bad_data_in_one_segment_is_bad_data(calibrations: Calibrations) -> None:
    """A source that is stuck for one region only."""
    window = _table(1500, 6)
    window.loc[window["input.region"] == "south", "input.unused"] = 7.0
    decision = _assess(window, calibrations).decision
    assert decision.verdict is Verdict.BAD_DATA
    assert "Bad data in 1 of 3 segments by region: region=south: input.unused has one value" in decision.reason


def test_too_few_rows_are_no_segment(calibrations: Calibrations) -> None:
    """On either side; a note says which values are judged with the whole alone; a small window is not cut at all."""
    window = _table(1000, 7, ("north", "east", "new"))
    window.loc[window.index[:40], "input.region"] = "south"
    found = _assess(window, calibrations)
    assert set(found.segments) == {"region=north", "region=east"}
    (note,) = [each.text for each in found.examination.findings if "judged with the whole alone" in each.text]
    assert "2 values of input.region (south, new)" in note
    assert _assess(_table(400, 8), calibrations).segments == {}


def test_segments_are_compared_with_the_same_of_earlier_traffic(calibrations: Calibrations) -> None:
    """With a baseline, each segment's rows of that."""
    earlier = _table(1500, 10)
    earlier.loc[earlier["input.region"] == "south", "input.used"] += 2.0
    window = _table(1500, 11)
    window.loc[window["input.region"] == "south", "input.used"] += 2.0
    baseline = Baseline(earlier, "the previous window", 500)
    found = _assess(window, calibrations, baseline=baseline)
    assert found.decision.verdict in (Verdict.OK, Verdict.WATCH)
    assert _assess(window, calibrations).decision.verdict is Verdict.DRIFT


def test_a_column_that_is_not_there_is_named(calibrations: Calibrations) -> None:
    """An unknown one is an error that lists the inputs; a personal one a note; one missing from the window bad data."""
    case = Case(REFERENCE, _table(1000, 12), _NOTHING, calibration=calibrations)
    with pytest.raises(NotFound, match=r"no input 'regoin' to segment by .* There are: used, unused, town, region"):
        assess(case, Settings(monitoring_by="regoin"))
    personal = case.rows.rename(columns={"input.region": "personal.region"})
    found = split(Case(REFERENCE, personal, _NOTHING), "region")
    assert "region is personal" in found.left_out[0].text
    lost = _assess(case.rows.drop(columns="input.region"), calibrations)
    assert (lost.decision.verdict, lost.segments) == (Verdict.BAD_DATA, {})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600)), min_size=1, max_size=30), st.booleans())
def test_the_largest_segments_are_taken(sizes: list[tuple[int, int]], numbers: bool) -> None:
    """Those with enough rows on both sides, at most twenty, whatever the type of the values; no row is in two."""
    names: list[Any] = [float(at) if numbers else f"v{at}" for at in range(len(sizes))]
    sides = [np.repeat(np.array(names, dtype=object), [size[side] for size in sizes]) for side in (0, 1)]
    reference, rows = (pd.DataFrame({"input.region": side, "input.x": np.arange(len(side))}) for side in sides)
    if numbers:
        reference, rows = reference.astype({"input.region": "float64"}), rows.astype({"input.region": "float64"})
    found = split(Case(reference, rows, rows.iloc[:0]), "region").cases
    enough = [after for before, after in sizes if min(before, after) >= LEAST_ROWS]
    assert sorted((len(each.rows) for each in found.values()), reverse=True) == sorted(enough, reverse=True)[:MOST]
    seen = [value for each in found.values() for value in each.rows["input.x"]]
    assert len(seen) == len(set(seen))
    assert all("input.region" not in each.rows and "input.region" not in each.reference for each in found.values())


def test_nothing_is_cut_where_nobody_asks(tmp_path: Path) -> None:
    """Without the setting there are no segments, and the verdict is the whole's."""
    case = Case(REFERENCE, _table(1000, 13), _NOTHING, calibration=Calibrations(tmp_path))
    assert assess(case, Settings()).segments == {}
