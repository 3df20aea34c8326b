"""Retrainings that are killed, or whose registry goes away: taken up again, they leave one whole version."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.kit.errors import RegistryUnavailable, Unavailable
from cuelight.operations.database import Operations
from cuelight.operations.retraining import FAILED, STAGED
from cuelight.pipelines.retraining.retrainer import LOST, PUT_OFF, Outcome
from cuelight.registry import tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Run
from cuelight.registry.trusted_types import allowed_types
from tests.support.processes import CLEAN
from tests.support.theatre import Theatre, entered, opened

pytestmark = pytest.mark.server
NAME = "cut_short"


def _quick() -> Pipeline:
    """An estimator that is fitted at once."""
    return make_pipeline(StandardScaler(), LogisticRegression())


class _Understudy:
    """Carries out requests in processes that are killed at it, forked from one that has imported MLflow for all."""

    def __init__(self, mlflow_server: str, folder: Path) -> None:
        self._there = mlflow_server, folder
        self._orders, orders = CLEAN.Pipe()
        self._process = CLEAN.Process(target=_understudy, args=(orders,))
        self._process.start()
        orders.close()

    def killed(self, now: float, owner: type, step: str, done: bool = True) -> None:
        """A process is killed as soon as the step is done, or where it would begin."""
        self._orders.send((*self._there, now, owner, step, done))
        assert self._orders.poll(120)
        assert self._orders.recv() == -signal.SIGKILL

    def end(self) -> None:
        """It is not needed any more."""
        self._orders.close()
        self._process.join(20)


def _understudy(orders: Connection) -> None:
    import mlflow.pyfunc
    import mlflow.sklearn  # noqa: F401

    allowed_types()  # all of scikit-learn
    with suppress(EOFError):
        while True:
            order = orders.recv()
            child = os.fork()
            if child == 0:
                _carry_out(*order)
                os._exit(0)
            orders.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@pytest.fixture(scope="module")
def understudy(mlflow_server: str, theatre: Theatre) -> Iterator[_Understudy]:
    """One for all."""
    made = _Understudy(mlflow_server, theatre.scratch)
    yield made
    made.end()


@pytest.fixture(scope="module")
def theatre(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One installation for all; each test asks for retrainings of its own."""
    with opened(mlflow_server, tmp_path_factory.mktemp("cut"), NAME, estimator=_quick) as made:
        yield made


@pytest.mark.parametrize(
    ("owner", "step", "runs"),
    [
        (Run, "sklearn_model", ["FINISHED", "KILLED"]),
        (MlflowRegistry, "create_version", ["FINISHED"]),
        (MlflowRegistry, "set_stage", ["FINISHED"]),
        (Operations, "finish_retrain", ["FINISHED"]),
    ],
)
def test_killed_right_after_any_step_it_ends_as_if_it_had_not_been(
    understudy: _Understudy, theatre: Theatre, owner: type, step: str, runs: list[str]
) -> None:
    """A holder that is killed right after the step leaves, once the next has been there, what an unkilled one leaves.

    One new version, in Staging; its run finished and none running; one line of the history; the request at its end.
    """
    before = _versions(theatre)
    number = _asked(theatre)
    understudy.killed(theatre.clock.now(), owner, step)
    theatre.clock.advance(121.0)
    outcome = theatre.retrainer("two").run_next()
    assert outcome is None or outcome.outcome == STAGED, outcome
    assert theatre.retrainer("three").run_next() is None

    (new,) = _versions(theatre) - before
    version = theatre.version(new)
    assert (version.stage, version.tags[tags.RETRAIN_REQUEST]) == ("Staging", str(number))
    assert _run_states(theatre, number) == runs
    lines = [each for each in theatre.operations.history() if each.detail["request"] == number]
    assert [each.kind for each in lines] == ["retrain-requested", "retrained"]
    assert (lines[1].version, lines[1].detail["outcome"]) == (new, STAGED)
    assert lines[1].detail["figures"]["gate.rows"] >= 150
    assert theatre.operations.retrains()[0].state == "finished"


def test_a_registry_that_goes_away_at_the_end_puts_it_off(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that could not be staged keeps its request open while the registry is away; then it is staged."""
    before = _versions(theatre)
    _asked(theatre)

    def away(*_: Any, **__: Any) -> None:
        raise RegistryUnavailable("MLflow did not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowRegistry, "set_stage", away)
        outcome = theatre.retrainer("one").run_next()
        assert outcome is not None
        assert outcome.outcome == PUT_OFF
        assert theatre.retrainer("two").run_next() is None  # the lease is its pause
        patch.setattr(MlflowRegistry, "snapshot", away)
        for _ in range(4):
            theatre.clock.advance(121.0)
            outcome = theatre.retrainer("two").run_next()
            assert outcome is not None
            assert outcome.outcome == PUT_OFF
    theatre.clock.advance(121.0)
    outcome = theatre.retrainer("three").run_next()
    assert outcome is not None
    assert outcome.outcome == STAGED
    (new,) = _versions(theatre) - before
    assert theatre.version(new).stage == "Staging"


@pytest.mark.parametrize(("seconds", "ends"), [(30.0, STAGED), (600.0, PUT_OFF)])
def test_a_database_that_goes_away_at_the_end_costs_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, seconds: float, ends: str
) -> None:
    """For a while it is waited for; after longer the version that was registered meanwhile is taken up, and staged."""
    before = _versions(theatre)
    _asked(theatre)
    create, renew, back = MlflowRegistry.create_version, Operations.renew_retrain, [0.0]

    def created(*arguments: Any) -> Any:
        back[0] = theatre.clock.now() + seconds
        return create(*arguments)

    def renewed(*arguments: Any) -> bool:
        if theatre.clock.now() < back[0]:
            raise Unavailable("The database is away.")
        return renew(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowRegistry, "create_version", created)
        patch.setattr(Operations, "renew_retrain", renewed)
        outcome = theatre.retrainer("one").run_next()
    assert outcome is not None
    assert outcome.outcome == ends
    theatre.clock.advance(121.0)
    after = theatre.retrainer("two").run_next()
    assert (after.outcome if after else ends) == STAGED
    (new,) = _versions(theatre) - before
    assert theatre.version(new).stage == "Staging"
    assert theatre.operations.retrains()[0].outcome == STAGED


def test_a_later_version_is_not_displaced(understudy: _Understudy, theatre: Theatre) -> None:
    """What was registered before a long pause is not staged over a version that a person put there meanwhile."""
    before = _versions(theatre)
    _asked(theatre)
    understudy.killed(theatre.clock.now(), MlflowRegistry, "set_stage", done=False)
    (stalled,) = _versions(theatre) - before
    made = theatre.version(1)
    later = theatre.workshop.registry.create_version(made.name, made.source, made.run_id, {})
    theatre.workshop.registry.set_stage(made.name, later.version, "Staging", archive_others=True)
    theatre.clock.advance(121.0)
    outcome = theatre.retrainer("two").run_next()
    assert outcome is not None
    assert "a later version is there" in outcome.sentence
    assert (theatre.version(stalled).stage, theatre.version(later.version).stage) == ("None", "Staging")


def test_of_two_versions_of_one_request_the_first_stays(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that was silent while another took its request over and registered takes its own version back."""
    before = _versions(theatre)
    _asked(theatre)
    plain, outcomes = MlflowRegistry.create_version, list[Outcome | None]()

    def overtaken(registry: MlflowRegistry, *arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(MlflowRegistry, "create_version", plain)
            theatre.clock.advance(121.0)
            other = threading.Thread(target=lambda: outcomes.append(theatre.retrainer("two").run_next()))
            other.start()
            other.join()
        return plain(registry, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowRegistry, "create_version", overtaken)
        outcomes.append(theatre.retrainer("one").run_next())
    assert [each.outcome for each in outcomes if each] == [STAGED, LOST]
    (new,) = _versions(theatre) - before
    assert theatre.version(new).stage == "Staging"


@pytest.mark.parametrize("first", ["holder", "successor"])
def test_a_request_that_failed_leaves_no_version(theatre: Theatre, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """A holder stalls just at registering, and its successor fails: who comes last takes the version back."""
    before = _versions(theatre)
    _asked(theatre)
    plain, outcomes = MlflowRegistry.create_version, dict[str, Outcome | None]()
    stalls, goes_on = threading.Event(), threading.Event()

    def stalled(registry: MlflowRegistry, *arguments: Any) -> Any:
        stalls.set()
        assert goes_on.wait(250.0)
        return plain(registry, *arguments)

    def work() -> None:
        outcomes["holder"] = theatre.retrainer("one").run_next()

    def broken() -> Any:
        if first == "holder":
            _go_on()
        raise OSError("the warehouse is closed")

    def _go_on() -> None:
        goes_on.set()
        holder.join(250.0)
        assert len(_versions(theatre) - before) == (1 if first == "holder" else 0)

    monkeypatch.setattr(MlflowRegistry, "create_version", stalled)
    holder = threading.Thread(target=work)
    holder.start()
    assert stalls.wait(250.0)
    theatre.clock.advance(121.0)
    outcomes["successor"] = theatre.retrainer("two", find=lambda _: replace(theatre.pipeline, load=broken)).run_next()
    if first == "successor":
        _go_on()
    assert {name: each and each.outcome for name, each in outcomes.items()} == {"holder": LOST, "successor": FAILED}
    assert _versions(theatre) == before


def _asked(theatre: Theatre) -> int:
    theatre.arrive(600)
    theatre.ask()
    return theatre.operations.retrains()[0].id


def _carry_out(mlflow_server: str, folder: Path, now: float, owner: type, step: str, done: bool) -> None:
    plain = getattr(owner, step)

    def last(*arguments: Any, **options: Any) -> None:
        if done:
            plain(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, step, last)
    entered(mlflow_server, folder, NAME, now, estimator=_quick).retrainer("one").run_next()


def _versions(theatre: Theatre) -> set[int]:
    return set(theatre.workshop.registry.snapshot().models[theatre.pipeline.name].versions)


def _run_states(theatre: Theatre, request: int) -> list[str]:
    """How the runs of a request ended, of all that there are."""
    mlflow = theatre.workshop.tracking._mlflow()
    runs = mlflow.search_runs(
        experiment_names=[theatre.pipeline.training_experiment],
        filter_string=f"tags.`{tags.RETRAIN_REQUEST}` = '{request}'",
        output_format="list",
    )
    return sorted(each.info.status for each in runs)
