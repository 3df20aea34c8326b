from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.drift.statistics import Comparison
from cuelight.monitoring.examination.columns import Kind
from cuelight.monitoring.examination.findings import Fault, Finding
from cuelight.monitoring.quality.estimate import Estimate
from cuelight.monitoring.quality.performance import Performance
from cuelight.monitoring.verdicts.rule import DATA, PREDICTION, QUALITY, Earlier, Evidence, decide
from cuelight.operations.verdict import Verdict

LOST = Performance("log loss", 800, 0.71, 0.52, 6.0, {})
KEPT = replace(LOST, current=0.53, z=0.4)
FEW = replace(LOST, rows=20)
ALERT = Finding("input.age", Fault.MISSING_VALUES, True, "input.age is missing in 60% of the rows")
NOTHING = {DATA: False, PREDICTION: False, QUALITY: False}
BOTH = NOTHING | {DATA: True, PREDICTION: True}
WORSE = NOTHING | {QUALITY: True}


def column(name: str, drifted: bool = True, weight: float | None = None, suspicious: bool = False) -> ColumnDrift:
    """One judged column."""
    compared = Comparison("Kolmogorov-Smirnov", 1e-9, 0.3, 6.0)
    return ColumnDrift(name, Kind.NUMERIC, compared, 1e-8, 9.5, drifted, suspicious, name.startswith("output."), weight)


FEATURE, ANSWER = column("input.age"), column("output.prediction")
JOINT = replace(FEATURE, name="columns together", kind=Kind.JOINT, carriers=("input.age", "input.pay"))
PLAIN = Evidence(2000, 5000, (), (), None, (), 500)


@pytest.mark.parametrize(
    ("change", "verdict", "names"),
    [
        ({}, Verdict.OK, "No drift"),
        ({"rows": 499}, Verdict.NOT_ENOUGH_DATA, "499 rows"),
        ({"rows": 0, "columns": (FEATURE,)}, Verdict.NOT_ENOUGH_DATA, "0 rows"),
        ({"compared_rows": 0}, Verdict.NOT_ENOUGH_DATA, "reference"),
        ({"compared_rows": 499, "min_compared": 500, "against": "the previous window"}, Verdict.NOT_ENOUGH_DATA, "500"),
        ({"against": "the previous window"}, Verdict.OK, "over 2,000 rows against the previous window"),
        ({"columns": (FEATURE,), "against": "the previous window"}, Verdict.DRIFT, "rows against the previous window"),
        ({"compared_rows": 0, "performance": LOST, "against": "the previous window"}, Verdict.DEGRADED, "log loss"),
        ({"alerts": (ALERT,)}, Verdict.BAD_DATA, "input.age is missing"),
        ({"alerts": (ALERT,), "performance": LOST, "columns": (FEATURE, ANSWER)}, Verdict.BAD_DATA, "input.age"),
        ({"columns": (FEATURE,)}, Verdict.DRIFT, "input.age (z 9.5)"),
        ({"columns": (ANSWER,)}, Verdict.DRIFT, "output.prediction"),
        ({"columns": (column("input.age", weight=0.001),)}, Verdict.WATCH, "hardly uses"),
        ({"columns": (column("input.age", weight=0.6),)}, Verdict.DRIFT, "input.age"),
        ({"columns": (column("input.age", drifted=False, suspicious=True),)}, Verdict.WATCH, "came close"),
        ({"columns": (JOINT,)}, Verdict.DRIFT, "how input.age and input.pay hang together (z 9.5)"),
        ({"performance": LOST}, Verdict.DEGRADED, "log loss 0.71 on 800 labelled rows"),
        ({"performance": LOST, "columns": (FEATURE,)}, Verdict.DEGRADED, "input.age"),
        ({"performance": KEPT}, Verdict.OK, "No drift"),
        ({"performance": FEW}, Verdict.OK, "No drift"),
    ],
)
def test_each_state_has_its_verdict(change: Any, verdict: Any, names: Any) -> None:
    """Too few rows first, then bad data, lost quality, drift, and what is only worth watching."""
    decision = decide(replace(PLAIN, **change))
    assert decision.verdict is verdict
    assert names in decision.reason
    assert decision.reason.endswith(".")
    assert decision.retrain == ""


DRIFTED = {"columns": (FEATURE, ANSWER)}
DEGRADED = {"performance": LOST}


@pytest.mark.parametrize(
    ("now", "earlier", "wanted"),
    [
        (DRIFTED, (), False),
        (DRIFTED, (Earlier(BOTH, 500),), True),
        (DRIFTED, (Earlier(BOTH, 499),), False),
        (DRIFTED, (Earlier(BOTH, 0), Earlier(BOTH, 400), Earlier(BOTH, 100)), True),
        (DRIFTED, (Earlier(BOTH, 0), Earlier(BOTH, 100)), False),
        (DRIFTED, (Earlier(NOTHING, 900), Earlier(BOTH, 900)), False),
        (DRIFTED, (Earlier(NOTHING | {DATA: True}, 900),), False),
        (DRIFTED, (Earlier(NOTHING, 300, judged=False), Earlier(BOTH, 300)), True),
        ({"columns": (FEATURE,)}, (Earlier(BOTH, 900), Earlier(BOTH, 900)), False),
        (DEGRADED, (), False),
        (DEGRADED, (Earlier(WORSE, 0, 100),), True),
        (DEGRADED, (Earlier(WORSE, 900, 99),), False),
        (DEGRADED, (Earlier(NOTHING, 0, 100), Earlier(WORSE, 0, 100)), True),
        (DEGRADED, (Earlier(NOTHING, 0, 100), Earlier(NOTHING, 0, 100), Earlier(WORSE, 0, 100)), False),
        (DEGRADED, (Earlier(NOTHING, 0, 100), Earlier(WORSE, 0, 10), Earlier(NOTHING, 0, 100)), False),
        ({}, (Earlier(WORSE, 0, 100), Earlier(WORSE, 0, 100)), False),
        ({"performance": LOST, "columns": (FEATURE, ANSWER)}, (Earlier(BOTH, 900),), True),
    ],
)
def test_retraining_wants_it_twice_on_separate_rows(now: Any, earlier: Any, wanted: Any) -> None:
    """Quality lost in 2 of 3 windows, or features and predictions together twice in a row; rows judged again don't."""
    assert bool(decide(replace(PLAIN, earlier=earlier, **now)).retrain) is wanted


@given(
    st.integers(0, 3000),
    st.booleans(),
    st.lists(st.sampled_from([FEATURE, ANSWER, column("input.b", weight=0.01)]), max_size=4),
    st.sampled_from([None, LOST, KEPT, FEW]),
    st.lists(
        st.builds(
            Earlier, st.sampled_from([NOTHING, BOTH, WORSE]), st.integers(0, 2000), st.integers(0, 300), st.booleans()
        ),
        max_size=4,
    ),
)
def test_the_rule_never_retrains_without_cause(
    rows: Any, bad: Any, columns: Any, performance: Any, earlier: Any
) -> None:
    """Whatever the evidence: no retraining on bad or too little data, on features alone, or on a first finding."""
    alerts = (ALERT,) if bad else ()
    decision = decide(Evidence(rows, 5000, alerts, columns, performance, earlier, 500))
    if decision.retrain:
        assert decision.verdict in (Verdict.DRIFT, Verdict.DEGRADED)
        assert rows >= 500
        assert not bad
        assert any(each.judged and (each.signals == BOTH or each.signals == WORSE) for each in earlier)
        assert decision.signals[QUALITY] or (decision.signals[DATA] and decision.signals[PREDICTION])
    assert set(decision.signals) == {DATA, PREDICTION, QUALITY}
    assert decision.reason


def test_the_columns_are_named_in_their_order() -> None:
    """The sentence names the three most drifted columns and counts the others."""
    columns = tuple(column(f"input.{name}") for name in "abcde")
    decision = decide(replace(PLAIN, columns=columns))
    assert "a (z 9.5), input.b (z 9.5), input.c (z 9.5) and 2 more" in decision.reason
    assert decision.ranked == tuple(f"input.{name}" for name in "abcde")


def test_a_changed_dependence_names_its_columns() -> None:
    """What carries a change of how columns hang together are the columns, each once, after those that drifted more."""
    decision = decide(replace(PLAIN, columns=(column("input.pay"), JOINT)))
    assert decision.ranked == ("input.pay", "input.age")
    assert "1 of 1 columns" in decision.reason


def test_a_dependence_of_columns_that_the_model_ignores_is_watched() -> None:
    """The weights of the columns that carry it count, each once, however often they are found."""
    light = tuple(column(name, weight=0.02) for name in JOINT.carriers)
    assert decide(replace(PLAIN, columns=(JOINT, *light))).verdict is Verdict.WATCH
    heavy = tuple(column(name, drifted=False, weight=0.2) for name in JOINT.carriers)
    assert decide(replace(PLAIN, columns=(JOINT, *heavy))).verdict is Verdict.DRIFT


def test_what_came_close_is_named() -> None:
    """A watched column is among those that carry the verdict; beside lost quality it is not."""
    near = column("input.age", drifted=False, suspicious=True)
    assert decide(replace(PLAIN, columns=(near,))).ranked == ("input.age",)
    assert decide(replace(PLAIN, columns=(near,), performance=LOST)).ranked == ()


POOL = [
    FEATURE,
    ANSWER,
    JOINT,
    column("input.b", weight=0.01),
    column("input.c", weight=0.5),
    column("input.d", drifted=False, suspicious=True),
    column("input.e", drifted=False),
]
EVIDENCE = st.builds(
    Evidence,
    rows=st.integers(0, 3000),
    compared_rows=st.integers(0, 3000),
    alerts=st.lists(st.sampled_from([ALERT, replace(ALERT, column="input.pay", text="input.pay is null")]), max_size=3),
    columns=st.lists(st.sampled_from(POOL), max_size=6, unique_by=lambda each: each.name).map(
        lambda columns: sorted(columns, key=lambda each: not each.drifted)
    ),
    performance=st.sampled_from([None, LOST, KEPT, FEW]),
    earlier=st.lists(
        st.builds(Earlier, st.sampled_from([NOTHING, BOTH, WORSE]), st.just(900), st.just(300)), max_size=3
    ),
    min_rows=st.just(500),
)
SEVERITY = [Verdict.OK, Verdict.WATCH, Verdict.DRIFT, Verdict.DEGRADED]


@given(EVIDENCE)
def test_every_verdict_is_one_sentence_and_names_what_carries_it(evidence: Any) -> None:
    """Whatever was found: one line that ends, each column once, no column where nothing is amiss."""
    decision = decide(evidence)
    assert decision.reason.endswith(".")
    assert "\n" not in decision.reason
    assert len(set(decision.ranked)) == len(decision.ranked)
    known = {name for each in evidence.columns for name in each.columns} | {each.column for each in evidence.alerts}
    assert set(decision.ranked) <= known
    if decision.verdict in (Verdict.WATCH, Verdict.DRIFT, Verdict.BAD_DATA):
        assert decision.ranked
        assert decision.ranked[0] in decision.reason
    if decision.verdict in (Verdict.OK, Verdict.NOT_ENOUGH_DATA):
        assert decision.ranked == ()


@given(EVIDENCE, st.sampled_from(POOL))
def test_more_drift_is_never_a_milder_verdict(evidence: Any, more: Any) -> None:
    """One more column, or quality lost beside the rest, leaves the verdict as it is or makes it worse."""
    sound = replace(evidence, rows=2000, compared_rows=2000, alerts=())
    before = SEVERITY.index(decide(sound).verdict)
    others = [each for each in sound.columns if each.name != more.name]
    fewer = SEVERITY.index(decide(replace(sound, columns=others)).verdict)
    assert SEVERITY.index(decide(replace(sound, columns=[more, *others])).verdict) >= fewer
    assert SEVERITY.index(decide(replace(sound, performance=LOST)).verdict) >= before


@given(EVIDENCE)
def test_bad_data_and_features_alone_never_retrain(evidence: Any) -> None:
    """Bad data is bad data whatever else is true; without lost quality or drifted answers nothing is retrained."""
    bad = decide(replace(evidence, rows=2000, alerts=[ALERT]))
    assert (bad.verdict, bad.retrain, any(bad.signals.values())) == (Verdict.BAD_DATA, "", False)
    features = [each for each in evidence.columns if not each.is_output]
    assert decide(replace(evidence, columns=features, performance=KEPT)).retrain == ""


@given(EVIDENCE)
def test_an_estimate_is_told_and_decides_nothing(evidence: Any) -> None:
    """However bad quality is estimated to be, verdict, signals and retraining are as without."""
    told, plain = decide(replace(evidence, estimate=Estimate(0.1, 0.0, 0.2, 0.9, 800))), decide(evidence)
    assert (told.verdict, told.signals, told.retrain) == (plain.verdict, plain.signals, plain.retrain)
