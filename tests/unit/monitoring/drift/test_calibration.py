from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from cuelight.kit.settings import Settings
from cuelight.monitoring.drift.calibration import calibrate, number_scores
from cuelight.monitoring.drift.judgement import judge
from cuelight.monitoring.drift.statistics import compare, compare_numbers
from cuelight.monitoring.examination.columns import Column, Kind
from cuelight.monitoring.examination.likeness import Groups
from tests.unit.monitoring.tables import part, twenty_columns

REFERENCES, WINDOWS = 4, 30  # 120 windows of each size, 240 in all


def test_the_fast_score_is_the_test_s_own() -> None:
    """The scores of many splits of one table equal those of the test of each, also with ties."""
    generator = np.random.default_rng(3)
    values = np.round(generator.normal(size=700), 1)
    members = generator.random((5, 700)) < 0.3
    expected = [compare_numbers(values[~mask], values[mask]).score for mask in members]
    assert number_scores(values, members) == pytest.approx(expected)


def test_the_same_reference_gives_the_same_null() -> None:
    """Calibration draws by its seed alone, so a verdict can be repeated."""
    columns = twenty_columns(np.random.default_rng(0), 1000, 500)
    assert calibrate(columns, 500) == calibrate(columns, 500)
    assert calibrate(columns, 500) != calibrate(columns, 500, seed=1)


def test_drawn_windows_are_held_once() -> None:
    """Against earlier traffic the rows are as many as the window's: masks of all draws are most of the memory."""
    values = np.random.default_rng(2).normal(size=100_000)
    columns = [Column("x", Kind.NUMERIC, values, values[:50_000])]
    tracemalloc.start()
    try:
        calibrate(columns, 50_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 10_000_000 < peak < 24_000_000  # 100 draws of 100,000 rows, a byte each


def test_of_columns_together_one_draw_is_held_at_a_time() -> None:
    """Not fifty copies of the table: with as many earlier rows as the window's that was more than a machine has."""
    columns = twenty_columns(np.random.default_rng(2), 20_000, 10_000)
    table = sum(column.reference.nbytes for column in columns)
    tracemalloc.start()
    try:
        calibrate(columns, 10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * table


def test_a_large_reference_is_calibrated_by_a_sample_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores don't depend on how many rows there are: earlier traffic of a million rows costs no more than a part."""
    columns = twenty_columns(np.random.default_rng(6), 40_000, 10_000)
    whole = calibrate(columns, 10_000)
    monkeypatch.setattr("cuelight.monitoring.drift.calibration.MOST_ROWS", 4_000)
    sampled = calibrate(columns, 10_000)
    assert sampled != whole
    for name, null in sampled.items():
        assert null.mean == pytest.approx(whole[name].mean, abs=0.4), name
        assert null.sd == pytest.approx(whole[name].sd, rel=0.5), name


def test_a_window_larger_than_the_reference_is_calibrated() -> None:
    """With more rows in the window than in the reference the null is drawn from halves, and does not alarm."""
    columns = twenty_columns(np.random.default_rng(5), 600, 3000)
    assert not any(each.drifted for each in judge(columns, 0.02, 4.0))


def test_the_null_is_that_of_two_samples() -> None:
    """For independent rows the null is that of pairs of large samples of one population, whatever their sizes."""
    generator = np.random.default_rng(8)
    values = generator.normal(size=5000)
    null = calibrate([Column("x", Kind.NUMERIC, values, values[:500])], 500, rounds=400)["x"]
    pairs = [generator.normal(size=(2, 1000)) for _ in range(400)]
    scores = np.array([compare_numbers(before, now).score for before, now in pairs])
    assert null.mean == pytest.approx(scores.mean(), abs=0.12)
    assert null.sd == pytest.approx(scores.std(), abs=0.1)


@pytest.mark.parametrize(("size", "power"), [(500, 0.85), (2000, 0.99)])
def test_alarms_are_rare_without_drift_and_near_certain_with_it(size: Any, power: Any) -> None:
    """20 columns: at most 5 % of driftless windows alarm, and one column 0.25 sigma off is found as DESIGN asks."""
    chosen = Settings()
    alarms = found = shifted = 0
    for seed in range(REFERENCES):
        columns = twenty_columns(np.random.default_rng(seed), 5000, size * WINDOWS)
        nulls = calibrate(columns, size)
        for index in range(WINDOWS):
            window = part(columns, index * size, (index + 1) * size)
            alarms += any(each.drifted for each in judge(window, chosen.monitoring_q, chosen.monitoring_z, nulls=nulls))
            if index % 2:
                continue
            first = window[0]
            window[0] = Column(first.name, first.kind, first.reference, first.current + 0.25)
            judged = judge(window, chosen.monitoring_q, chosen.monitoring_z, nulls=nulls)
            shifted += 1
            found += any(each.drifted for each in judged if each.name == first.name)
    assert alarms / (REFERENCES * WINDOWS) <= 0.05
    assert found / shifted >= power


def test_p_values_of_groups_are_what_they_say() -> None:
    """Where levels belong to people, few windows of other people look unlikely; as independent rows, most do."""
    generator, size = np.random.default_rng(8), 20
    unlikely, naive = [], []
    for _ in range(REFERENCES):
        reference = _by_people(generator, 120, size)
        groups = Groups(np.repeat(np.arange(120), size), 120, float(size), float(size))
        nulls = calibrate([_levels(reference, reference)], 800, groups)
        for _ in range(WINDOWS):
            columns = [_levels(reference, _by_people(generator, 40, size))]
            unlikely.append(judge(columns, 0.02, 4.0, nulls=nulls)[0].comparison.p_value <= 0.01)
            naive.append(compare(columns[0]).p_value <= 0.01)
    assert np.mean(unlikely) <= 0.04
    assert np.mean(naive) >= 0.4


def _by_people(generator: np.random.Generator, people: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Levels of people who have one of their own in most of their rows: the rarer, the more they differ."""
    own = np.repeat(generator.choice(4, people, p=(0.6, 0.25, 0.1, 0.05)), size)
    return np.where(generator.random(len(own)) < 0.7, own, generator.integers(0, 4, len(own)))


def _levels(before: np.ndarray[Any, np.dtype[np.int64]], now: np.ndarray[Any, np.dtype[np.int64]]) -> Column:
    return Column("input.level", Kind.CATEGORICAL, before, now, ("a", "b", "c", "d"))


def test_windows_of_larger_groups_stray_further() -> None:
    """By the design effect of their size: a person with ten alike rows tells as much as one with five."""
    people = np.repeat(np.arange(60), 5)
    values = np.random.default_rng(1).normal(size=60)[people]
    made = Column("input.x", Kind.NUMERIC, values, values[:100])
    same, larger = (calibrate([made], 100, Groups(people, 60, 5.0, size))["input.x"] for size in (5.0, 10.0))
    assert larger.sd == pytest.approx(same.sd * np.sqrt(2.0), rel=0.25)
    assert same.tail is not None
    assert larger.tail is not None
    assert larger.tail.p_value(4.0) > same.tail.p_value(4.0)
