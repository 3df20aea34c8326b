"""A request that was tried twice counts once, by the attempt that its caller had the answer of."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Prediction
from cuelight.journal.retries import last_attempts
from cuelight.journal.tail import Tail
from cuelight.kit.clock import FakeClock
from tests.support.journal import NOON, prediction, write

MIDNIGHT = 43_200  # seconds after noon


def _twice(folder: Path, first: int = 1) -> None:
    """One that was tried by `h`, killed, and then by `h-replica-2`; and one that was not."""
    write(folder, prediction(first, gateway_request="g1"), prediction(2, gateway_request="g2"))
    again = prediction(first + 1, prediction_id="again", gateway_request="g1", attempt=2)
    write(folder, again, host="h-replica-2")


def _ids(folder: Path, query: Query) -> list[set[str]]:
    journal = Journal(folder)
    tables = journal.rows_table(query), journal.requests_table(query)
    return [set(each["prediction_id"].to_pylist()) for each in tables]


@pytest.mark.parametrize("first", [1, MIDNIGHT - 1])
def test_the_last_attempt_is_there_alone(tmp_path: Path, first: int) -> None:
    """In rows, requests and counts, whichever replica had which attempt, over midnight as well."""
    _twice(tmp_path, first)
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert _ids(tmp_path, Query("m")) == [{"p2", "again"}] * 2
    assert Journal(tmp_path).counts(Query("m"), [])["rows"].to_pylist() == [2]
    assert _ids(tmp_path, Query("m", until=NOON + first + 1)) == ([{"p2"}] * 2 if first > 2 else [set()] * 2)


def test_an_attempt_that_failed_at_last_is_no_answer(tmp_path: Path) -> None:
    """Its caller had the fault, though the one before was answered well."""
    again = prediction(2, prediction_id="again", gateway_request="g1", attempt=2, status=503, response=b"{}")
    write(tmp_path, prediction(1, gateway_request="g1"), again)
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert _ids(tmp_path, Query("m")) == [set(), {"again"}]


def test_a_label_by_key_belongs_to_the_answer_that_was_heard(tmp_path: Path) -> None:
    """Not to one of the same row that never left."""
    _twice(tmp_path)
    label = Label(NOON + 50, "m", "", 0, 5.0, key_column="x", key="2")
    late = prediction(9, prediction_id="late", gateway_request="g2", attempt=2, rows=[{"x": 3.0, "city": "Rome"}])
    write(tmp_path, label, late)
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert Journal(tmp_path).labelled_table(Query("m"))["prediction_id"].to_pylist() == ["again"]


def test_journals_from_before_are_read_as_ever(tmp_path: Path) -> None:
    """What did not come by a gateway has no attempts."""
    write(tmp_path, prediction(1), prediction(2))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert _ids(tmp_path, Query("m")) == [{"p1", "p2"}] * 2


def test_what_is_followed_shows_one_of_two_attempts(tmp_path: Path) -> None:
    """Also where nothing is compacted yet."""
    _twice(tmp_path)
    seen = Tail(tmp_path, Query("m"), FakeClock(NOON + 60)).newest(10)
    assert {each["prediction_id"] for each in seen} == {"p2", "again"}


def test_attempts_are_told_by_the_gateways_id_alone() -> None:
    """Without one, each request is one of its own; a shadow's answer goes the way of its request's."""
    plain: list[Prediction] = [prediction(1), prediction(2, attempt=2)]
    shadow = prediction(1, arm="shadow", gateway_request="g")
    again = prediction(3, gateway_request="g", attempt=2)
    assert last_attempts([*plain, shadow, again]) == [*plain, again]
