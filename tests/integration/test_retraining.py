"""Retraining with everything real: MLflow, the operations database, and a journal by its writer and compactor."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cuelight.kit.settings import Settings
from cuelight.operations.retraining import FAILED, NOT_ENOUGH, PROMOTED, REJECTED, STAGED
from cuelight.pipelines.candidates.champion import FITTED_ROWS, HELD_ROWS
from cuelight.pipelines.retraining.retrainer import LOST, Outcome
from cuelight.pipelines.shipped import doctor_visits
from cuelight.registry import tags
from tests.support.theatre import BATCH, Theatre, opened

pytestmark = pytest.mark.server
NOTE = "mlflow.note.content"  # what MLflow shows as the run's description


@pytest.fixture
def theatre(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Theatre]:
    """An installation whose model was trained on plans with free care, and promoted."""
    with opened(mlflow_server, tmp_path, f"retraining_{request.node.name}") as made:
        yield made


def test_a_better_challenger_lands_in_staging_and_tells_why_it_exists(theatre: Theatre) -> None:
    """After a shift, retraining on fresh labels beats the champion on later rows; tags link it to all it came from."""
    theatre.arrive(1500)
    theatre.ask("Quality was lost on the plans with a share.")
    outcome = theatre.retrainer().run_next()
    assert outcome is not None
    assert outcome.outcome == STAGED
    assert outcome.trained is not None
    version = theatre.version(outcome.trained.version)
    assert version.stage == "Staging"
    assert theatre.version(1).stage == "Production"
    assert version.tags[tags.TRAINED_BECAUSE] == "Quality was lost on the plans with a share."
    assert version.tags[tags.RETRAIN_REQUEST] == str(outcome.request)
    assert version.tags[tags.CHAMPION] == "1"
    assert version.tags[tags.GATE] == "passed"
    assert "Challenger against champion 1: Better on the same 500 rows" in version.description
    assert version.description in theatre.workshop.tracking._mlflow().get_run(version.run_id).data.tags[NOTE]
    figures = outcome.trained.gate.figures
    assert figures["gate.rows"] == 500
    assert figures["gate.gain_lower_bound"] > 0.03
    assert figures["gate.challenger_loss"] < 0.66 < figures["gate.champion_loss"]
    (request,) = theatre.operations.retrains(theatre.pipeline.name)
    assert (request.state, request.outcome, request.detail["version"]) == ("finished", STAGED, version.version)
    assert [each.kind for each in theatre.operations.history(theatre.pipeline.name)] == [
        "retrain-requested",
        "retrained",
    ]


def test_evaluated_rows_are_later_than_all_that_was_fitted_on(theatre: Theatre) -> None:
    """The challenger is evaluated on the last third of the rows, each strictly later than all that it was fitted on."""
    requests = theatre.arrive(900)
    theatre.ask()
    theatre.retrainer().run_next()
    fitted, held = theatre.keys(2, FITTED_ROWS), theatre.keys(2, HELD_ROWS)
    times = {prediction_id: time for prediction_id, time, _, _ in requests}
    assert len(fitted) + len(held) == 900
    assert max(times[each] for each, _ in fitted) == float(theatre.version(2).tags[tags.TRAINED_UNTIL])
    assert max(times[each] for each, _ in fitted) < min(times[each] for each, _ in held)


def test_a_row_that_the_champion_was_fitted_on_is_left_out(theatre: Theatre) -> None:
    """A fitted row planted among the later ones, by its time the best to be evaluated on, is not evaluated on."""
    first = theatre.arrive(900)
    theatre.ask()
    theatre.retrainer().run_next()
    theatre.workshop.registry.set_stage(theatre.pipeline.name, 2, "Production", archive_others=True)
    planted = first[0]
    assert (planted[0], 0) in theatre.keys(2, FITTED_ROWS)

    theatre.arrive(900, version=2)
    theatre.clock.advance(10.0)
    theatre.write([(planted[0], theatre.clock.now(), planted[2], planted[3])], version=2)
    honest = theatre.arrive(50, version=2)
    theatre.ask()
    outcome = theatre.retrainer().run_next()
    assert outcome is not None
    assert outcome.trained is not None
    held = theatre.keys(outcome.trained.version, HELD_ROWS)
    assert {(honest[0][0], row) for row in range(BATCH)} <= held  # later than the planted row, and evaluated on
    assert not held & theatre.keys(2, FITTED_ROWS)


def test_a_request_is_carried_out_once(theatre: Theatre) -> None:
    """Of two holders that reach for one request, one trains and the other finds nothing."""
    theatre.arrive(600)
    theatre.ask()
    outcomes: list[Outcome | None] = []
    start = threading.Barrier(2)

    def work(holder: str) -> None:
        start.wait()
        outcomes.append(theatre.retrainer(holder).run_next())

    threads = [threading.Thread(target=work, args=(each,)) for each in ("one", "two")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each is None for each in outcomes) == [False, True]
    assert set(theatre.workshop.registry.snapshot().models[theatre.pipeline.name].versions) == {1, 2}


def test_nothing_is_registered_once_the_request_was_taken_over(theatre: Theatre) -> None:
    """A holder whose lease ran out while it trained, and whose request another took, registers nothing."""
    theatre.arrive(600)
    theatre.ask()

    def slow() -> pd.DataFrame:
        theatre.clock.advance(1000.0)
        assert theatre.operations.take_retrain("two", 120.0, theatre.clock.now()) is not None
        return doctor_visits.load()

    pipeline = replace(theatre.pipeline, load=slow)
    outcome = theatre.retrainer(find=lambda _: pipeline).run_next()
    assert outcome is not None
    assert outcome.outcome == LOST
    assert set(theatre.workshop.registry.snapshot().models[theatre.pipeline.name].versions) == {1}
    (request,) = theatre.operations.retrains(theatre.pipeline.name)
    assert (request.state, request.holder) == ("running", "two")


def test_too_few_labels_end_the_request(theatre: Theatre) -> None:
    """With fewer labelled rows than are due (others don't count), the request ends as such and is not tried again."""
    theatre.arrive(450)
    theatre.arrive(500, labels=False)
    theatre.ask()
    outcome = theatre.retrainer().run_next()
    assert outcome is not None
    assert (outcome.outcome, outcome.trained) == (NOT_ENOUGH, None)
    assert "450 labelled rows" in outcome.sentence
    assert theatre.retrainer().run_next() is None


def test_a_failure_is_an_outcome_with_its_reason(theatre: Theatre) -> None:
    """A pipeline that raises ends its request with the reason, and is not tried again and again."""
    theatre.ask()

    def broken() -> pd.DataFrame:
        raise OSError("the warehouse is closed")

    outcome = theatre.retrainer(find=lambda _: replace(theatre.pipeline, load=broken)).run_next()
    assert outcome is not None
    assert outcome.outcome == FAILED
    assert "the warehouse is closed" in theatre.operations.retrains(theatre.pipeline.name)[0].detail["reason"]
    assert theatre.retrainer().run_next() is None


def test_a_request_whose_holders_keep_dying_is_given_up(theatre: Theatre) -> None:
    """Taken up three times without an end, a request fails instead of being taken up for ever."""
    theatre.arrive(600)
    theatre.ask()
    for each in ("one", "two", "three"):
        assert theatre.operations.take_retrain(each, 60.0, theatre.clock.now()) is not None
        theatre.clock.advance(61.0)
    outcome = theatre.retrainer("four").run_next()
    assert outcome is not None
    assert outcome.outcome == FAILED
    assert "3 times" in outcome.sentence


def test_stops_are_no_failed_tries(theatre: Theatre) -> None:
    """Stopped while it trains, as often as may be, a request is free at once, and the next holder ends it well."""
    theatre.arrive(600)
    theatre.ask()

    def stopped() -> pd.DataFrame:
        sys.exit(128 + signal.SIGTERM)  # what `cuelight` makes of SIGTERM

    for holder in ("one", "two", "three", "four"):
        with pytest.raises(SystemExit):
            theatre.retrainer(holder, find=lambda _: replace(theatre.pipeline, load=stopped)).run_next()
    outcome = theatre.retrainer("five").run_next()
    assert outcome is not None
    assert outcome.outcome == STAGED, outcome
    (request,) = theatre.operations.retrains(theatre.pipeline.name)
    assert (request.token, request.stops) == (5, 4)


def test_a_pipeline_that_ends_its_process_is_given_up(theatre: Theatre) -> None:
    """Its own `sys.exit` is no stop: the request fails after three tries."""
    theatre.ask()

    def leaves() -> pd.DataFrame:
        sys.exit("enough")

    for _ in range(3):
        with pytest.raises(SystemExit):
            theatre.retrainer(find=lambda _: replace(theatre.pipeline, load=leaves)).run_next()
    outcome = theatre.retrainer().run_next()
    assert outcome is not None
    assert outcome.outcome == FAILED


def test_a_challenger_below_its_floor_stays_out_of_staging(theatre: Theatre) -> None:
    """A rejected challenger is registered with the reason, in no stage, and the champion stays where it is."""
    from cuelight.pipelines.gate import Gate

    theatre.arrive(600)
    theatre.ask()
    strict = replace(theatre.pipeline, gate=Gate(floors={"roc_auc": 0.99}))
    outcome = theatre.retrainer(find=lambda _: strict).run_next()
    assert outcome is not None
    assert outcome.outcome == REJECTED
    assert theatre.version(2).stage == "None"
    assert "roc_auc" in theatre.version(2).tags[tags.GATE_REASON]
    assert theatre.version(1).stage == "Production"


def test_live_requests_for_a_challenger_are_a_setting(theatre: Theatre) -> None:
    """`retrain.rollout` and `retrain.shadow` set the model's tags, for this version, when it goes to Staging."""
    theatre.arrive(600)
    theatre.ask()
    own = {theatre.pipeline.name: {"retrain_rollout": "5,25 every 10m", "retrain_shadow": 100.0}}
    outcome = theatre.retrainer(settings=Settings(models=own)).run_next()
    assert outcome is not None
    assert outcome.outcome == STAGED
    found = theatre.workshop.registry.snapshot().models[theatre.pipeline.name].tags
    assert found == {"cuelight.rollout": "5,25 every 10m for version 2", "cuelight.shadow": "100"}


def test_promotion_is_a_setting(theatre: Theatre) -> None:
    """With `retrain.promote`, a challenger that passes goes to Production, and the old champion is archived."""
    theatre.arrive(600)
    theatre.ask()
    outcome = theatre.retrainer(settings=Settings(retrain_promote=True)).run_next()
    assert outcome is not None
    assert outcome.outcome == PROMOTED
    assert (theatre.version(2).stage, theatre.version(1).stage) == ("Production", "Archived")
