from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from cuelight.operations.database import Operations
from cuelight.operations.retraining import FAILED, NOT_ENOUGH, STAGED, Limits, RetrainRequest, hindrance
from tests.support.processes import killed_after, race


def _ask(operations: Operations, now: float = 0.0, model: str = "m", cooldown: float = 60.0) -> RetrainRequest | None:
    return operations.request_retrain(model, 3, "quality lost", {"auc": 0.5}, now, Limits(cooldown))


def _take(operations: Operations, now: float, holder: str = "h", **options: Any) -> RetrainRequest:
    request = operations.take_retrain(holder, 10.0, now, **options)
    assert request is not None
    return request


def _asking(url: str, start: Any, results: Any) -> None:
    operations = Operations(url)
    start.wait()
    results.put(_ask(operations))


def _taking(url: str, start: Any, results: Any) -> None:
    operations = Operations(url)
    start.wait()
    results.put(operations.take_retrain(f"process {os.getpid()}", 10.0, 1.0))


def _working(url: str, results: Any) -> None:
    results.put(Operations(url).take_retrain("killed", 10.0, 100.0))
    signal.pause()


def test_it_is_asked_for_once_and_taken_once(url: str) -> None:
    """Of processes that ask at once one asks; of processes that take at once one takes."""
    assert len(race(_asking, url)) == 1
    taken = race(_taking, url)
    assert len(taken) == 1
    (kept,) = Operations(url).retrains("m")
    assert kept == taken[0]
    assert (kept.state, kept.reason, kept.evidence, kept.version) == ("running", "quality lost", {"auc": 0.5}, 3)


def test_one_is_open_per_model(url: str) -> None:
    """While one waits or runs no other is asked for, for this model alone."""
    operations = Operations(url)
    assert _ask(operations) is not None
    assert _ask(operations, now=1_000.0) is None
    _take(operations, 1_000.0)
    assert _ask(operations, now=2_000.0) is None
    assert _ask(operations, model="other") is not None
    assert len(operations.retrains("m")) == 1


@pytest.mark.parametrize("outcome", ["staged", "not enough labels"])
def test_the_cooldown_counts_from_the_end_of_the_last(url: str, outcome: str) -> None:
    """After a retraining ended, well or not, no other is asked for until the cooldown is over."""
    operations = Operations(url)
    _ask(operations, now=0.0)
    assert operations.finish_retrain(_take(operations, 50.0), outcome, {"version": 4}, 100.0)
    assert _ask(operations, now=159.9) is None
    again = _ask(operations, now=160.0)
    assert again is not None
    assert [(each.id, each.state, each.outcome) for each in operations.retrains("m")] == [
        (again.id, "queued", ""),
        (1, "finished", outcome),
    ]
    assert operations.retrains("m")[1].detail == {"version": 4}
    assert operations.retrains("m")[1].finished_at == 100.0


def test_a_killed_one_is_taken_up_again(url: str) -> None:
    """A request whose holder was killed passes on when its lease is over; had the killed one lived, it is fenced."""
    operations = Operations(url)
    _ask(operations)
    first = killed_after(_working, url)
    assert operations.take_retrain("next", 10.0, 109.9) is None
    second = _take(operations, 110.0, "next")
    assert (second.id, second.holder, second.token) == (first.id, "next", first.token + 1)
    assert not operations.renew_retrain(first, 10.0, 111.0)
    assert not operations.finish_retrain(first, "registered", {"version": 9}, 111.0)
    assert operations.finish_retrain(second, "registered", {"version": 4}, 112.0)
    assert not operations.finish_retrain(second, "failed", {}, 113.0)
    assert operations.retrains("m")[0].detail == {"version": 4}


def test_a_holder_that_is_told_to_stop_gives_it_back(url: str) -> None:
    """The next one takes it at once, and the stop is counted; who lost it meanwhile can't give it back."""
    operations = Operations(url)
    _ask(operations)
    first = _take(operations, 0.0)
    assert operations.give_back_retrain(first, 1.0)
    second = _take(operations, 1.0, "next")
    assert (second.id, second.token, second.stops) == (first.id, 2, 1)
    assert not operations.give_back_retrain(first, 2.0)
    assert operations.retrain(first.id) == second


def test_renewing_keeps_it(url: str) -> None:
    """A holder that renews in time keeps the request however long it works."""
    operations = Operations(url)
    _ask(operations)
    request = _take(operations, 0.0)
    for now in (8.0, 16.0, 24.0):
        assert operations.renew_retrain(request, 10.0, now)
        assert operations.take_retrain("other", 10.0, now + 9.9) is None


def test_the_oldest_is_taken_first_or_that_of_a_model(url: str) -> None:
    """Requests are taken in the order in which they were asked for; a model's own can be picked out."""
    operations = Operations(url)
    for number, model in enumerate(["c", "a", "b"]):
        _ask(operations, now=float(number), model=model)
    assert [_take(operations, 5.0, model="b").model, _take(operations, 5.0).model, _take(operations, 5.0).model] == [
        "b",
        "c",
        "a",
    ]
    assert operations.take_retrain("h", 10.0, 5.0) is None


def _ended(number: int, at: float, outcome: str) -> RetrainRequest:
    """A request that was asked for, taken and finished at that moment."""
    return RetrainRequest(number, "m", 1, "", {}, at, "finished", "h", 1, 0.0, at, at, outcome, {})


def test_pauses_grow_with_each_failure_in_a_row() -> None:
    """One failure: the cooldown, at least ten minutes; twice as long with each, to a day; a success ends the row."""
    limits = Limits(cooldown=60.0)
    assert [limits.pause(each) for each in (0, 1, 2, 3, 50)] == [60.0, 600.0, 1200.0, 2400.0, 86_400.0]
    assert [Limits(3600.0).pause(each) for each in (0, 1, 2, 30)] == [3600.0, 3600.0, 7200.0, 86_400.0]
    assert Limits(200_000.0).pause(5) == 200_000.0
    failed = [_ended(2, 1000.0, FAILED), _ended(1, 500.0, FAILED)]
    assert "the last 2 failed" in hindrance(failed, limits, 2199.0)
    assert hindrance(failed, limits, 2200.0) == ""
    assert hindrance([_ended(3, 2200.0, STAGED), *failed], limits, 2260.0) == ""


def test_a_day_has_a_budget(url: str) -> None:
    """So many are asked for in any 24 hours; those that had too few labels cost nothing, and a person may always."""
    limits = Limits(most_a_day=2)
    spent = [_ended(2, 4000.0, STAGED), _ended(1, 0.0, "rejected")]
    assert "2 were asked for within a day" in hindrance(spent, limits, 86_399.0)
    assert hindrance(spent, limits, 86_400.0) == ""
    assert hindrance([_ended(3, 5000.0, NOT_ENOUGH), spent[0]], limits, 6000.0) == ""
    operations = Operations(url)
    for moment in (0.0, 10.0):
        assert operations.request_retrain("m", 1, "drift", {}, moment, limits)
        operations.finish_retrain(_take(operations, moment), STAGED, {}, moment + 1.0)
    assert operations.request_retrain("m", 1, "drift", {}, 20.0, limits) is None
    assert len(operations.retrains("m")) == 2
    assert operations.request_retrain("m", 1, "by hand", {}, 20.0)
