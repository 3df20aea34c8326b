"""Tests of carrying out a request without MLflow; `tests/integration/test_retraining.py` has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.journal.query import Journal
from cuelight.kit.clock import FakeClock
from cuelight.operations.database import Operations
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.retraining.retrainer import Retrainer
from cuelight.pipelines.workshop import Workshop
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.tracking import Tracking


def test_one_that_is_told_to_stop_hands_the_request_on_at_once(tmp_path: Path) -> None:
    """An interrupted retraining gives its lease back: the next worker need not wait for it to expire."""
    clock = FakeClock(1_800_000_000.0)
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}", clock=clock)

    def find(_: str) -> TrainingPipeline:
        raise SystemExit(143)

    workshop = Workshop(MemoryRegistry(), Tracking("http://127.0.0.1:1"), tmp_path / "keys", {}, clock=clock)
    retrainer = Retrainer(workshop, operations, Journal(tmp_path / "journal"), find, "one")
    assert operations.request_retrain("wine", 1, "drift", {}, clock.now())
    with pytest.raises(SystemExit):
        retrainer.run_next()
    taken = operations.take_retrain("two", 60.0, clock.now())
    assert taken is not None
    assert (taken.holder, taken.token) == ("two", 2)
    operations.close()
