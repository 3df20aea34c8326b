"""What a model's page says of quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.journal.record import Label
from cuelight.kit.clock import FakeClock
from cuelight.monitoring.board.model.quality import QualityOfModel, confusion, quality_of_model, residuals
from tests.support.journal import NOON, prediction, schema, write

_ROWS = 40


def _journal(folder: Path, answers: dict[int, Any], labels: dict[int, Any]) -> Journal:
    """So many requests of each version, whose answers are labelled 10 s later (the last of them after 1,000 s)."""
    records: list[Any] = []
    for version, answer in answers.items():
        for number in range(_ROWS):
            name, at = f"v{version}-{number}", NOON + number
            given: dict[str, Any] = {"prediction_id": name, "version": version, "digest": f"d{version}"}
            records.append(prediction(number, predictions=[answer], **given))
            if version in labels:
                late = 1_000.0 if number == _ROWS - 1 else 10.0
                value = labels[version][number] if isinstance(labels[version], list) else labels[version]
                records.append(Label(at + late, "m", name, 0, value))
    write(folder, *records, schemas=[schema(version) for version in answers])
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


def _found(journal: Journal, version: int | None, reference: pd.DataFrame | None = None) -> QualityOfModel:
    found = quality_of_model(journal, "m", version, lambda _: reference)
    assert found is not None
    return found


def test_each_version_has_its_figures_and_delay(tmp_path: Path) -> None:
    """Of classes: accuracy, and what was taken for what; a version without labels has a line, and no figures."""
    truth = ["cat"] * 30 + ["dog"] * 10
    journal = _journal(tmp_path, {1: "cat", 2: "dog"}, {1: truth})
    found = _found(journal, 2)
    two, one = found.versions
    assert (two.version, two.predicted, two.labelled, two.delay, two.figures) == (2, _ROWS, 0, None, {})
    assert (one.labelled, one.figures["accuracy"]) == (_ROWS, 0.75)
    assert one.delay == pytest.approx((10.0, 10.0))
    assert (found.shown, found.rows, found.residuals) == (1, _ROWS, None)
    assert found.confusion is not None
    assert found.confusion.classes == ("cat", "dog")
    assert found.confusion.counts == ((30, 0), (10, 0))
    assert found.confusion.share(1, 0) == 1.0


def test_numbers_have_residuals_beside_the_references(tmp_path: Path) -> None:
    """Answer minus label, live; the reference's own where there is one."""
    truth = [float(number) / 10.0 for number in range(_ROWS)]
    journal = _journal(tmp_path, {1: 2.5}, {1: truth})
    reference = pd.DataFrame({"output.prediction": [1.0, 2.0], "label": [1.5, 1.5]})
    found = _found(journal, 1, reference)
    assert found.confusion is None
    assert set(found.names) == {"mae", "rmse", "r2"}
    assert found.residuals is not None
    assert found.residuals.reference
    low, middle, high = found.residuals.levels
    assert low < middle < high
    assert middle == pytest.approx(2.5 - float(np.median(truth)))
    alone = _found(journal, 1).residuals
    assert alone is not None
    assert not alone.reference


def test_without_labels_there_are_only_counts(tmp_path: Path) -> None:
    """And nothing at all where nothing was predicted."""
    found = _found(_journal(tmp_path, {1: "cat"}, {}), 1)
    assert (found.shown, found.names, found.versions[0].predicted) == (None, (), _ROWS)
    assert quality_of_model(Journal(tmp_path), "other", None, lambda _: None) is None


def test_many_classes_are_cut_to_the_most_frequent() -> None:
    """The rest is one class; labels and answers of different types are the same class."""
    labels = [0] * 20 + [1] * 10 + list(range(2, 12))
    frame = pd.DataFrame({"label": labels, "output.prediction": [float(each) for each in labels]})
    found = confusion(frame)
    assert found is not None
    assert found.classes == ("0", "1", "2", "3", "4", "5", "6", "others")
    assert [found.counts[place][place] for place in (0, 1, 7)] == [20, 10, 5]
    assert sum(map(sum, found.counts)) == len(labels)
    assert confusion(frame.iloc[:0]) is None
    assert residuals(frame.drop(columns="output.prediction"), None) is None
