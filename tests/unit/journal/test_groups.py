from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from cuelight.journal.compactor import Compactor
from cuelight.journal.groups import Cut, Group, groups, task_of
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Record
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import BadInput, NotFound
from tests.support.journal import NOON, prediction, schema, write

_CITIES = ("Oslo", "Rome", None)
_CLASSES = ("a", "b", "c")
_HOUR = 3600.0
# No labels that are equal to within their own digits: what R² is of, is then chance.
_SIZES = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def _journal(folder: Path, *records: Record) -> Journal:
    write(folder, *records, schemas=(schema(1), schema(2)))
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


@st.composite
def _traffic(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
    """Rows of requests of one row each: when, by which version, where, the truth or none yet, and the answer."""
    row = st.fixed_dictionaries(
        {
            "hour": st.integers(0, 2),
            "version": st.integers(1, 2),
            "city": st.sampled_from(_CITIES),
            "truth": st.none() | values,
            "answer": values,
            "weights": st.lists(st.integers(1, 100), min_size=3, max_size=3),
        }
    )
    return draw(st.lists(row, min_size=1, max_size=30))


def _records(rows: list[dict[str, Any]], shares: bool) -> list[Record]:
    records: list[Record] = []
    for number, row in enumerate(rows):
        row["shares"] = [each / sum(row["weights"]) for each in row["weights"]]
        time = NOON + row["hour"] * _HOUR + number
        asked = [{"x": 1.0, "city": row["city"]}]
        more: dict[str, Any] = {"version": row["version"], "digest": f"d{row['version']}", "time": time}
        if shares:
            more["probabilities"] = {"classes": list(_CLASSES), "values": [row["shares"]]}
        records.append(prediction(number, rows=asked, predictions=[row["answer"]], **more))
        if row["truth"] is not None:
            records.append(Label(NOON + 9 * _HOUR, "m", f"p{number}", 0, row["truth"]))
    return records


def _mine(rows: list[dict[str, Any]], group: Group) -> list[dict[str, Any]]:
    return [
        each
        for each in rows
        if (each["version"], each["city"]) == (group.key["version"], group.key["city"])
        and group.since == NOON + each["hour"] * _HOUR
    ]


def _theirs(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What scikit-learn says of labelled rows of classes, by the functions that people know."""
    truth, answers = ([each[name] for each in rows] for name in ("truth", "answer"))
    shares = np.array([each["shares"] for each in rows])
    figures = {
        "accuracy": metrics.accuracy_score(truth, answers),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, answers),
        "log_loss": metrics.log_loss(truth, shares, labels=_CLASSES),
        "brier": metrics.brier_score_loss(truth, shares, labels=_CLASSES),
    }
    for ending, average in (("", "macro"), ("_weighted", "weighted")):
        for name in ("precision", "recall", "f1"):
            way = getattr(metrics, f"{name}_score")
            figures[name + ending] = way(truth, answers, average=average, zero_division=0.0)
    if set(truth) == set(_CLASSES):
        figures["roc_auc"] = metrics.roc_auc_score(truth, shares, multi_class="ovr", labels=_CLASSES)
    return figures


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_traffic(st.sampled_from(_CLASSES)))
def test_classes_are_measured_as_scikit_learn_does(rows: list[dict[str, Any]]) -> None:
    """From the writer through the compactor and the join: every figure of every group, to the last digit."""
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(Path(folder), _records(rows, shares=True), "classification")
    assert sum(each.predicted for each in found) == len(rows)
    for group in found:
        known = [each for each in _mine(rows, group) if each["truth"] is not None]
        assert (group.predicted, group.labelled) == (len(_mine(rows, group)), len(known))
        if not known:
            assert group.quality is None
            continue
        assert group.quality
        with warnings.catch_warnings(action="ignore"):
            theirs = _theirs(known)
            alone = metrics.classification_report(
                *([each[name] for each in known] for name in ("truth", "answer")), output_dict=True, zero_division=0.0
            )
        assert group.quality.figures == theirs
        assert set(group.quality.absent) == {"roc_auc"} - theirs.keys()
        for name, own in group.quality.classes.items():
            assert own["rows"] == alone[name]["support"]
            assert {key: alone[name]["f1-score" if key == "f1" else key] for key in own.keys() - {"rows"}} == {
                key: value for key, value in own.items() if key != "rows"
            }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_traffic(_SIZES))
def test_numbers_are_measured_as_scikit_learn_does(rows: list[dict[str, Any]]) -> None:
    """The same for a regression."""
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(Path(folder), _records(rows, shares=False), "regression")
    for group in found:
        known = [each for each in _mine(rows, group) if each["truth"] is not None]
        if not known:
            assert group.quality is None
            continue
        truth, answers = ([each[name] for each in known] for name in ("truth", "answer"))
        theirs = {
            "mae": metrics.mean_absolute_error(truth, answers),
            "rmse": metrics.root_mean_squared_error(truth, answers),
        }
        if len(set(truth)) > 1:
            theirs["r2"] = metrics.r2_score(truth, answers)
        if all(truth):
            theirs["mape"] = metrics.mean_absolute_percentage_error(truth, answers)
        assert group.quality
        assert group.quality.figures == theirs


def _measured(folder: Path, records: list[Record], task: str) -> list[Group]:
    with warnings.catch_warnings(action="error"):
        journal = _journal(folder, *records)
        return groups(journal, Query("m"), Cut(("version", "city"), every=_HOUR), task, least=1)


def test_groups_come_in_the_order_of_time_and_keys(tmp_path: Path) -> None:
    """Windows begin at whole hours, a missing value comes last, and rows without labels are counted."""
    rows = [{"x": float(i), "city": city} for i, city in enumerate(["Rome", "Oslo", None])]
    journal = _journal(
        tmp_path,
        prediction(0, rows=rows, time=NOON + 1.5 * _HOUR),
        prediction(1),
        Label(NOON, "m", "p1", 0, 2.0),
    )
    found = groups(journal, Query("m"), Cut(("city",), every=_HOUR), "regression", least=1)
    assert [(each.since, each.key["city"], each.predicted, each.labelled) for each in found] == [
        (NOON, "Oslo", 1, 1),
        (NOON + _HOUR, "Oslo", 1, 0),
        (NOON + _HOUR, "Rome", 1, 0),
        (NOON + _HOUR, None, 1, 0),
    ]
    assert [each.quality is None for each in found] == [False, True, True, True]
    alone = groups(journal, Query("m"), Cut(("track", "input.city")), "regression")
    assert alone[0].key == {"track": "Production", "input.city": "Oslo"}
    assert {each.since for each in alone} == {None}
    assert [each.quality for each in alone] == [None] * 3


def test_a_version_is_measured_by_its_own_classes(tmp_path: Path) -> None:
    """The next version's new class takes nothing from the figures of the one before."""

    def answered(number: int, version: int, classes: str) -> Record:
        shares = {"classes": list(classes), "values": [[1 / len(classes)] * len(classes)]}
        changes: dict[str, Any] = {"version": version, "digest": f"d{version}", "probabilities": shares}
        return prediction(number, predictions=["a"], **changes)

    labels = [Label(NOON, "m", f"p{number}", 0, "ab"[number % 2]) for number in range(4)]
    records = [answered(0, 1, "ab"), answered(1, 1, "ab"), answered(2, 2, "abc"), answered(3, 2, "abc")]
    found = groups(_journal(tmp_path, *records, *labels), Query("m"), Cut(), "classification", least=1)
    figures = [each.quality.figures.get("log_loss") if each.quality else None for each in found]
    assert figures == [pytest.approx(np.log(2)), pytest.approx(np.log(3))]


def test_a_column_that_is_not_there_or_has_too_many_values_is_refused(tmp_path: Path) -> None:
    """With the names of those there are; outputs are none to group by."""
    rows = [{"x": float(number), "city": "Oslo"} for number in range(1001)]
    journal = _journal(tmp_path, prediction(0, rows=rows))
    for name in ("region", "output.prediction", "time"):
        with pytest.raises(NotFound, match="There are: version, track, arm, x, city"):
            groups(journal, Query("m"), Cut((name,)), "regression")
    with pytest.raises(BadInput, match="By x there are 1,001 groups"):
        groups(journal, Query("m"), Cut(("x",)), "regression")
    assert groups(journal, Query("other"), Cut(), "regression") == []


@pytest.mark.parametrize(
    ("answers", "task"),
    [(["a"], "classification"), ([1, 2], "classification"), ([0.5], "regression"), ([True], "classification")],
)
def test_the_task_is_seen_from_the_answers(tmp_path: Path, answers: list[Any], task: str) -> None:
    """As `cuelight compare` tells classes from numbers."""
    rows = [{"x": 1.0, "city": "Oslo"}] * len(answers)
    assert task_of(_journal(tmp_path, prediction(0, rows=rows, predictions=answers)), Query("m")) == task


def test_several_outputs_have_no_quality(tmp_path: Path) -> None:
    """One label can't say which of them was right."""
    journal = _journal(tmp_path, prediction(0, predictions=[[1.0, 2.0]]))
    with pytest.raises(BadInput, match="no single prediction"):
        task_of(journal, Query("m"))
