from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuelight.journal.answers import Classes
from cuelight.journal.arms import Arm, distribution, side_by_side
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.journal.record import Label, Prediction, Record
from cuelight.kit.clock import FakeClock
from tests.support.journal import NOON, prediction, schema, write

Sides = tuple[Arm, Arm] | None


def _canary(number: int, version: int = 2, **changes: Any) -> Prediction:
    fields: dict[str, Any] = {"track": "Staging", "arm": "canary", "version": version, "digest": f"d{version}"}
    return prediction(number, **(fields | changes))


def _journal(folder: Path, *records: Record) -> Journal:
    write(folder, *records, schemas=(schema(1), schema(2), schema(3)))
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


def test_each_arm_has_its_own_figures(tmp_path: Path) -> None:
    """Requests, shares of both kinds of errors, latency of what was answered, answers, quality on labels."""
    champions = [prediction(number, predictions=["a"], latency_ms=number + 1.0) for number in range(10)]
    canaries = [
        _canary(20 + number, time=NOON + number + 0.5, predictions=["b" if number else "a"]) for number in range(4)
    ]
    failed = [_canary(30, time=NOON + 5, status=500), _canary(31, time=NOON + 6, status=400)]
    labels = [Label(NOON + 99, "m", "p20", 0, "a"), Label(NOON + 99, "m", "p21", 0, "a")]
    found = side_by_side(_journal(tmp_path, *champions, *canaries, *failed, *labels), "m", "canary", None, None, 100)
    assert found
    old, new = found
    assert (old.name, old.version, new.name, new.version) == ("champion", 1, "canary", 2)
    assert (new.requests, new.rows, new.failed, new.refused) == (6, 4, 1 / 6, 1 / 6)
    assert new.answers == {"prediction": {"a": 0.25, "b": 0.75}}
    assert new.quality["accuracy"] == 0.5
    # Production's while the canary was there: from 0.5 to 6 s after noon
    assert (old.requests, old.first, old.last, old.quality) == (6, NOON + 1, NOON + 6, {})
    assert old.ms[50] == pytest.approx(np.median(np.arange(2.0, 8.0)))
    assert old.answers == {"prediction": {"a": 1.0}}


def test_the_newest_canary_is_taken_unless_versions_are_named(tmp_path: Path) -> None:
    """With what was in Production beside it."""
    journal = _journal(
        tmp_path,
        *(prediction(0), _canary(1), prediction(2), _canary(3)),
        *(
            prediction(10, version=3, digest="d3"),
            _canary(11, 2),
            prediction(12, version=3, digest="d3"),
            _canary(13, 2),
        ),
    )

    def versions(found: Sides) -> tuple[int, ...] | None:
        return tuple(each.version for each in found) if found else None

    assert versions(side_by_side(journal, "m", "canary", None, None, 100)) == (3, 2)
    assert versions(side_by_side(journal, "m", "canary", (1, 2), None, 100)) == (1, 2)
    assert side_by_side(journal, "m", "canary", (1, 3), None, 100) is None
    assert side_by_side(journal, "m", "canary", None, NOON + 99, 100) is None


def test_a_canary_without_production_beside_it_is_compared_with_nothing(tmp_path: Path) -> None:
    """At 100 percent nobody else answers."""
    assert (
        side_by_side(_journal(tmp_path, prediction(0), _canary(9), _canary(10)), "m", "canary", None, None, 100) is None
    )
    assert side_by_side(Journal(tmp_path), "other", "canary", None, None, 100) is None


def test_no_more_than_the_newest_are_read_and_both_from_the_same_moment(tmp_path: Path) -> None:
    """What is left out of the busier arm is left out of the other too."""
    journal = _journal(
        tmp_path,
        *(prediction(number) for number in range(20)),
        *(_canary(100 + number, time=NOON + number + 0.5) for number in range(0, 20, 4)),
    )
    found = side_by_side(journal, "m", "canary", None, None, 5)
    assert found
    assert [(each.first, each.requests) for each in found] == [(NOON + 12, 5), (NOON + 12.5, 2)]


def test_a_distribution_is_of_classes_or_of_numbers() -> None:
    """Shares in the order of classes; quantiles of what is there."""
    assert list(distribution(Classes(["10", "9", "9", "9"])).items()) == [("9", 0.75), ("10", 0.25)]
    assert distribution(np.array([1.0, 2.0, 3.0, np.nan]))["0.5"] == 2.0
    assert distribution(np.array([np.nan])) == {}
