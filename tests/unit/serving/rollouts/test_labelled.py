"""What labels say of the arms of a model, as a bake reads them from the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.serving.rollouts.evidence import Tally
from cuelight.serving.rollouts.labelled import Labelled, count, usual_error
from tests.support.host import eventually
from tests.support.journal import NOON, prediction, schema, write


def _record(folder: Path, answers: list[tuple[int, str, Any, Any]], after: float = 0.0) -> None:
    """Predictions by version and arm, each with its label (None: it has none), compacted; seconds after noon."""
    records: list[Any] = []
    for number, (version, arm, answer, label) in enumerate(answers):
        name = f"p{after}-{number}"
        changes: dict[str, Any] = {
            "time": NOON + after,
            "prediction_id": name,
            "version": version,
            "digest": f"d{version}",
            "arm": arm,
        }
        records.append(prediction(predictions=[answer], **changes))
        if label is not None:
            records.append(Label(NOON + after + 1.0, "m", name, 0, label))
    write(folder, *records, schemas=(schema(1), schema(2)))
    Compactor(folder, retention_days=1e5).run_once()


def test_classes_are_right_or_wrong(tmp_path: Path) -> None:
    """By arm; those without a label, and the shadow's, don't count."""
    answers = [(1, "champion", "a", "a"), (1, "champion", "b", "a"), (1, "champion", "b", None)]
    answers += [(2, "canary", "b", "a"), (2, "shadow", "b", "a")]
    _record(tmp_path, answers)
    assert count(tmp_path, "m", NOON, None) == {("m", 1, "champion"): Tally(2, 1), ("m", 2, "canary"): Tally(1, 1)}


def test_numbers_are_wrong_where_they_are_further_off_than_usual(tmp_path: Path) -> None:
    """Usual is what three in four were in Production before."""
    _record(tmp_path, [(1, "champion", 10.0 + number, 10.0) for number in range(40)], -1000.0)
    edge = usual_error(tmp_path, "m", NOON)
    assert edge == pytest.approx(29.25)
    _record(tmp_path, [(1, "champion", 0.0, 29.0), (2, "canary", 0.0, 30.0), (2, "canary", 0.0, -29)])
    assert count(tmp_path, "m", NOON, edge) == {("m", 1, "champion"): Tally(1, 0), ("m", 2, "canary"): Tally(2, 1)}
    assert count(tmp_path, "m", NOON, None) == {}


def test_too_few_numbers_say_nothing_of_what_is_usual(tmp_path: Path) -> None:
    """Nor does an empty journal."""
    assert usual_error(tmp_path, "m", NOON) is None
    _record(tmp_path, [(1, "champion", 1.0, 2.0)] * 20, -1000.0)
    assert usual_error(tmp_path, "m", NOON) is None


def test_labels_are_counted_when_they_have_come(tmp_path: Path) -> None:
    """From when on the model is asked for; once it is not any more, all is forgotten."""
    clock = FakeClock()
    clock.advance(NOON - clock.now())
    labelled = Labelled(tmp_path, clock.now)
    assert labelled.read({"m"}) == {}
    _record(tmp_path, [(2, "canary", "b", "a")], -10.0)
    _record(tmp_path, [(2, "canary", "b", "a")] * 3, 10.0)

    def look() -> dict[Any, Tally]:
        clock.advance(20.0)
        return dict(labelled.read({"m"}))

    assert eventually(look) == {("m", 2, "canary"): Tally(3, 3)}
    assert labelled.read(set()) == {}
    assert labelled.read({"m"}) == {}
