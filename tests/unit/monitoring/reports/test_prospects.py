from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import pytest

from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.prospects import prospects
from cuelight.monitoring.verdicts.rule import Decision
from cuelight.operations.retraining import FINISHED, QUEUED, RetrainRequest
from cuelight.operations.verdict import Verdict
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import scored


@cache
def _plain() -> Outcome:
    return judged(scored(900, 2))


def _with(verdict: Verdict, rows: int = 900, **signals: bool) -> Outcome:
    decision = Decision(verdict, "why", signals)
    return replace(_plain(), rows=rows, assessment=replace(_plain().assessment, decision=decision))


def _request(number: int, state: str, finished_at: float | None = None) -> RetrainRequest:
    return RetrainRequest(number, "wine", 3, "", {}, 0.0, state, "", 0, 0.0, None, finished_at, "", {})


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (partial(_with, Verdict.OK), "No retraining: nothing asks for one."),
        (partial(_with, Verdict.WATCH, data=False), "No retraining: nothing asks for one."),
        (partial(_with, Verdict.BAD_DATA), "Nothing is retrained on bad data: mend the source"),
        (
            partial(_with, Verdict.DEGRADED, quality=True, data=True),
            "If one of the next two windows with 100 new labels",
        ),
        (
            partial(_with, Verdict.DRIFT, data=True, prediction=True),
            "If the next window with 500 new rows drifts in both too",
        ),
        (partial(_with, Verdict.DRIFT, data=True, prediction=False), "Features alone ask for no retraining"),
        (partial(_with, Verdict.DRIFT, data=False, prediction=True), "Predictions alone ask for no retraining"),
        (partial(_with, Verdict.NOT_ENOUGH_DATA, rows=380), "120 more rows, and the window is judged."),
        (partial(_with, Verdict.NOT_ENOUGH_DATA), "Nothing can be judged."),
    ],
)
def test_each_verdict_has_its_prospect(outcome: Callable[[], Outcome], said: str) -> None:
    """What is missing for a retraining is named by the signals, in one sentence."""
    (found,) = prospects(outcome(), "", "", (), 500, None)
    assert found.startswith(said)


def test_a_retraining_is_asked_for_or_says_why_not() -> None:
    """The reason, or what stands against it; and when the next look is."""
    open_one = (_request(7, QUEUED),)
    asked = prospects(_with(Verdict.DEGRADED), "labels say so", "", (), 500, 3600.0)
    assert asked == (
        "Retraining is asked for: labels say so.",
        "By its schedule the model is judged from 1970-01-01 01:00:00 UTC on, if rows or labels have come.",
    )
    refused = prospects(_with(Verdict.DEGRADED), "", "It is wanted, but one is open.", open_one, 500, None)
    assert refused == ("It is wanted, but one is open.",)


def test_a_retraining_under_way_is_named() -> None:
    """Requests that have not ended are part of what happens next; ended ones are not."""
    found = prospects(_with(Verdict.OK), "", "", (_request(7, QUEUED), _request(6, FINISHED, 5.0)), 500, None)
    assert found[1:] == ("Request 7 for a retraining is queued.",)


def test_a_challenger_that_waits_is_named() -> None:
    """Its version, and since when it is in Staging: a person has to do something."""
    waiting = replace(_request(6, FINISHED, 60.0), detail={"version": 4})
    found = prospects(_with(Verdict.OK), "", "", (), 500, None, waiting)
    assert found[1:] == ("Version 4 waits in Staging since 1970-01-01 00:01:00 UTC: promote or archive it.",)
