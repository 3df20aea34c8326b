"""Tests of who asks for a retraining, and of what keeps it from being asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.settings import Settings
from cuelight.monitoring.retraining.petition import petition, weigh
from cuelight.monitoring.retraining.triggers import Decision, Known, decide
from cuelight.operations.database import Operations
from cuelight.operations.kinds import Kind
from cuelight.operations.retraining import FAILED, NOT_ENOUGH, STAGED, RetrainRequest, last_learned

DAY = 86_400.0
BY_COUNT = Settings(retrain_every_labels=1000)


@pytest.mark.parametrize(
    ("known", "settings", "asks"),
    [
        (Known(), Settings(), ""),
        (Known(verdict="quality was lost", labels=500), Settings(), "quality was lost"),
        (Known(verdict="quality was lost", labels=None), Settings(), "quality was lost"),
        (Known(labels=5000, new_labels=5000), Settings(), ""),
        (Known(labels=1200, new_labels=999), BY_COUNT, ""),
        (Known(labels=1200, new_labels=1000), BY_COUNT, "1,000 new labels have come since the last"),
        (Known(turn=0.0), Settings(retrain_auto=False), "its turn by schedule came at 1970-01-01 00:00:00 UTC"),
        (Known("quality was lost", 0.0, 1200, 1000), BY_COUNT, "quality was lost; 1,000 new labels"),
    ],
)
def test_each_trigger_asks_with_its_reason(known: Known, settings: Settings, asks: str) -> None:
    """A verdict, a count of labels and a schedule ask, each with its reason; where none of them does, nobody asks."""
    decision = decide(known, settings)
    assert asks in decision.ask
    assert bool(decision.ask) == bool(asks)
    assert decision.why_not == ""


@pytest.mark.parametrize(
    ("known", "settings", "why_not"),
    [
        (Known("lost", labels=500), Settings(retrain_auto=False), "(lost), but setting retrain.auto is off"),
        (Known("lost", labels=499), Settings(), "but only 499 of the 500 labelled rows"),
        (Known(labels=499, new_labels=499), Settings(retrain_every_labels=100), "but only 499 of the 500"),
        (Known("lost", labels=500, hindrance="request 7 is open already."), Settings(), "but request 7 is open"),
    ],
)
def test_what_is_wanted_and_not_asked_for_says_why(known: Known, settings: Settings, why_not: str) -> None:
    """A wish that may not be granted says what was wanted and what stands against it."""
    decision = decide(known, settings)
    assert decision == Decision(why_not=decision.why_not)
    assert why_not in decision.why_not


def test_labels_count_anew_after_each_retraining_that_used_them() -> None:
    """One that ended for want of labels, or failed, has used none up; one that waits counts."""

    def request(number: int, outcome: str) -> RetrainRequest:
        return RetrainRequest(number, "m", 1, "", {}, number * 10.0, "finished", "", 1, 0.0, None, 0.0, outcome, {})

    ended = [request(3, FAILED), request(2, NOT_ENOUGH), request(1, STAGED)]
    assert last_learned(ended) == 10.0
    assert last_learned([request(4, ""), *ended]) == 40.0
    assert last_learned([]) == 0.0


def test_a_petition_is_a_request_and_a_line_of_the_history(tmp_path: Path) -> None:
    """What a trigger asks for is filed once, with its evidence; the next wish is told what it waits for."""
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    known, evidence = Known(verdict="quality was lost", labels=500), {"link": "http://mlflow/run"}
    answer = petition(operations, Settings(), "wine", 3, known, 100.0, evidence)
    (request,) = operations.retrains("wine")
    assert (answer.request, request.version, request.evidence) == (request.id, 3, evidence)
    (line,) = operations.history("wine")
    assert line.kind == "retrain-requested"
    assert line.detail == {"reason": "quality was lost", "request": request.id, "link": "http://mlflow/run"}
    again = petition(operations, Settings(), "wine", 3, known, 200.0)
    assert (again.request, len(operations.retrains("wine"))) == (None, 1)
    assert again.note == f"Retraining is wanted (quality was lost), but request {request.id} is open already."
    operations.close()


def test_while_a_challenger_waits_the_old_version_asks_for_none(tmp_path: Path) -> None:
    """Not until it was promoted or the patience is over; a person may ask at any time."""
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    settings = Settings(retrain_cooldown_seconds=0.0, retrain_patience_days=2.0)
    assert petition(operations, settings, "wine", 1, Known("lost"), 0.0).request
    taken = operations.take_retrain("h", 60.0, 0.0)
    assert taken is not None
    operations.finish_retrain(taken, STAGED, {"version": 2}, 100.0)
    note = petition(operations, settings, "wine", 1, Known("lost"), 100.0 + DAY).note
    assert (
        "but version 2 waits in Staging: promote or archive it, else one may be asked for from 1970-01-03 00:01" in note
    )
    assert weigh(operations, settings, "wine", Known("lost"), 100.0 + 2 * DAY).ask
    operations.record(Kind.MOVED, "wine", 2, {"stage": "Production", "before": "Staging"}, at=200.0)
    assert petition(operations, settings, "wine", 2, Known("lost"), 300.0).request
    operations.close()


def test_a_model_has_limits_of_its_own(tmp_path: Path) -> None:
    """Budget and pause are those of the model's own settings."""
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    settings = Settings(models={"wine": {"retrain_cooldown_seconds": 10.0}})
    for model in ("wine", "beer"):
        assert petition(operations, settings, model, 1, Known("lost"), 0.0).request
        taken = operations.take_retrain("h", 60.0, 0.0, model)
        assert taken is not None
        operations.finish_retrain(taken, STAGED, {}, 0.0)
    assert petition(operations, settings, "wine", 1, Known("lost"), 10.0).request
    assert "the pause after it lasts until" in petition(operations, settings, "beer", 1, Known("lost"), 10.0).note
    operations.close()
