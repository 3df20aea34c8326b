"""Rollbacks that happen by themselves, on real workers: what is rolled back, what is not, and what is told of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track
from cuelight.serving.host.deployment import Served
from tests.support.host import POOL, Host, eventually, running
from tests.support.models import Shelf, moody

MOST = 3000


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[Host]:
    """A follower, and two gunicorn workers."""
    with running(tmp_path_factory.mktemp("host"), registry, serving_timeout_seconds=10.0) as host:
        yield host


class _Story:
    """A model whose versions come one after the other, and callers who send numbers from 0 up to 100 in turn."""

    def __init__(self, host: Host, shelf: Shelf, registry: MemoryRegistry, name: str) -> None:
        self.host, self.shelf, self.registry, self.name = host, shelf, registry, name
        self._callers = itertools.count()
        self.add("Production", moody(1.0))
        for _ in range(300):
            self.ask()

    def add(self, stage: str, model: Any) -> int:
        """One more version in a stage."""
        version = self.shelf.add(self.name, model, form="cloudpickle")
        self.registry.set_stage(self.name, version, stage, archive_others=True)
        self.host.wait_for(self.name, version, stage)
        return version

    def ask(self, number: float | None = None, **headers: str) -> Any:
        """One request, by a caller who was not there before."""
        caller = next(self._callers)
        row = caller * 37 % 100 + 0.5 if number is None else number
        body = {"dataframe_split": {"columns": ["a", "b"], "data": [[row, 0.0]]}}
        return self.host.score(self.name, body, **{"X-Cuelight-Key": str(caller), **headers})

    def ask_until(self, what: Callable[[], bool], number: float | None = None) -> int:
        """Requests until something holds; how many it took."""
        for asked in range(MOST):
            if what():
                return asked
            self.ask(number)
        raise AssertionError(f"not after {MOST} requests; {self.host.history[-3:]}")

    def production(self) -> Served:
        """Who is in charge."""
        return self.host.generation().tracks[self.name, Track.PRODUCTION]

    def lines(self, kind: str) -> list[tuple[Any, ...]]:
        """What the history has of that kind."""
        return [line for line in self.host.history if line[:2] == (kind, self.name)]

    def rolled_back(self) -> tuple[Any, ...]:
        """The one line about it, once it is written."""
        (line,) = eventually(lambda: self.lines("rolled-back"))
        return tuple(line)

    def state(self, version: int) -> tuple[str, str]:
        """What the version's tags say."""
        found = self.host.tags(self.name, version)
        return found.get("cuelight.state", ""), found.get("cuelight.reason", "")


@pytest.fixture
def story(host: Host, shelf: Shelf, registry: MemoryRegistry, request: pytest.FixtureRequest) -> _Story:
    """A model of the test's own."""
    return _Story(host, shelf, registry, request.node.name.replace("[", "-").replace("]", "").replace(" ", "-"))


def test_a_version_that_fails_gives_way_to_the_one_before(story: _Story) -> None:
    """One request in five fails, and the one before answers the same: without a control, and before it is asked for."""
    worse = story.add("Production", moody(2.0, fails=80.0))
    asked = story.ask_until(lambda: story.production().id.version == 1)
    assert asked < 600
    assert story.production().why == f"rolled back from version {worse}"
    assert not story.host.generation().standby
    eventually(lambda: story.state(worse)[0] == "rolled-back", reason="the tag does not say so")
    assert "failed or gave no valid answer on" in story.state(worse)[1]
    line = story.rolled_back()
    assert line[2] == worse
    assert (line[3]["track"], line[3]["to"], line[3]["figures"]["signal"]) == ("Production", 1, "bad answers")
    for _ in range(100):
        assert story.ask().status == 200
    assert story.registry.snapshot().models[story.name].versions[worse].stage == "Production"
    assert len(story.lines("rolled-back")) == 1

    story.registry.set_stage(story.name, worse, "None")
    eventually(lambda: not story.host._follower[1]._ledger.recalls[-1].in_force)  # type: ignore[index]
    story.registry.set_stage(story.name, worse, "Production")
    story.host.wait_for(story.name, worse)  # a person means it


def test_a_canary_that_fails_loses_its_share(story: _Story) -> None:
    """It stays in Staging for who asks for it; its tag says 0; set again, it is tried again."""
    worse = story.add("Staging", moody(2.0, fails=80.0))
    story.registry.set_model_tags(story.name, {"cuelight.canary": "50"})
    eventually(lambda: story.name in story.host.generation().traffic)
    story.ask_until(lambda: story.name not in story.host.generation().traffic)
    eventually(lambda: story.registry.snapshot().models[story.name].tags["cuelight.canary"] == "0")
    eventually(lambda: not story.host._follower[1]._outlook.sharing.spent)  # type: ignore[index]  # it was read, too
    eventually(lambda: story.state(worse)[0] == "rolled-back")
    assert "and worse on 0." in story.state(worse)[1]
    assert story.host.generation().tracks[story.name, Track.STAGING].id.version == worse
    for _ in range(50):
        assert story.ask().headers["X-Model-Version"] == "1"
    eventually(lambda: not story.host._follower[1]._ledger.traffic[story.name].spent)  # type: ignore[index]
    story.registry.set_model_tags(story.name, {"cuelight.canary": "50"})
    eventually(lambda: story.name in story.host.generation().traffic)
    eventually(lambda: story.state(worse)[0] == "serving")


def test_what_is_slow_is_rolled_back(story: _Story) -> None:
    """Beside a version that keeps a share of callers as control, each of whom stays where he is."""
    story.registry.set_model_tags(story.name, {"cuelight.control": "50"})
    story.add("Production", moody(2.0, seconds=0.02))
    eventually(lambda: story.name in story.host.generation().traffic)
    assert {story.ask().headers["X-Model-Version"] for _ in range(20)} == {"1", "2"}
    story.ask_until(lambda: story.production().id.version == 1)
    line = story.rolled_back()
    assert line[3]["figures"]["signal"] == "latency"
    assert story.name not in story.host.generation().traffic
    page = POOL.request("GET", f"{story.host.url}/metrics").data.decode()
    assert f'cuelight_requests_total{{arm="control",model="{story.name}",status="200"' in page


def test_a_caller_of_whom_much_fails_by_chance_convicts_nobody(story: _Story) -> None:
    """He asks more than all others, and is answered by the canary, whom it may be or not."""
    story.add("Production", moody(2.0, flaky=90.0))
    story.add("Staging", moody(3.0, flaky=90.0))
    story.registry.set_model_tags(story.name, {"cuelight.canary": "50"})
    eventually(lambda: story.name in story.host.generation().traffic)
    keys = (str(number) for number in itertools.count())
    key = next(each for each in keys if story.ask(0.0, **{"X-Cuelight-Key": each}).headers["X-Model-Version"] == "3")
    failed = sum(story.ask(95.0, **{"X-Cuelight-Key": key}).status == 500 for _ in range(300))
    assert failed > 100
    assert story.name in story.host.generation().traffic
    assert not story.lines("rolled-back")


def test_what_gives_no_valid_answer_is_rolled_back(story: _Story) -> None:
    """NaN where the version before has a number."""
    story.add("Production", moody(2.0, gives_nothing=70.0))
    story.ask_until(lambda: story.production().id.version == 1)
    line = story.rolled_back()
    assert line[3]["figures"]["invalid"][0] > 0


def test_what_no_version_can_answer_speaks_against_none(story: _Story) -> None:
    """A caller with impossible input, however often he asks."""
    first = story.add("Production", moody(2.0, fails=90.0))
    second = story.add("Production", moody(3.0, fails=90.0))
    for _ in range(200):
        assert story.ask(95.0).status == 500
    assert story.production().id.version == second
    assert not story.lines("rolled-back")
    assert first < second


def test_a_model_can_be_left_alone(story: _Story) -> None:
    """By its tag: nothing is rolled back by itself; once it is allowed again, what was seen counts."""
    story.registry.set_model_tags(story.name, {"cuelight.auto_rollback": "false"})
    story.add("Production", moody(2.0, fails=10.0))
    for _ in range(150):
        story.ask()
    assert story.production().id.version == 2
    story.registry.set_model_tags(story.name, {"cuelight.auto_rollback": "true"})
    eventually(lambda: story.production().id.version == 1)


def test_labels_show_what_is_wrong(story: _Story) -> None:
    """A canary whose numbers are further off than Production's used to be."""
    journal = story.host.settings.journal_folder

    def answer_and_label(number: int) -> None:
        for _ in range(number):
            found = story.ask()
            truth = {"prediction_id": found.headers["X-Prediction-Id"], "label": 1.0}
            assert POOL.request("POST", f"{story.host.url}/models/{story.name}/feedback", json=truth).status == 202

    answer_and_label(60)
    eventually(lambda: Compactor(journal).run_once() and _labels(journal, story.name) >= 60)
    story.add("Staging", moody(5.0))
    story.registry.set_model_tags(story.name, {"cuelight.canary": "50"})
    eventually(lambda: story.name in story.host.generation().traffic)

    def withdrawn() -> bool:
        answer_and_label(40)
        Compactor(journal).run_once()
        return story.name not in story.host.generation().traffic

    eventually(withdrawn)
    line = story.rolled_back()
    assert line[3]["figures"]["signal"] == "quality"


def _labels(journal: Path, model: str) -> int:
    return len(Journal(journal).labelled_table(Query(model), ("version",)))


def test_a_version_that_answers_nobody_is_taken_off(story: _Story) -> None:
    """It hangs, and callers get 504, until the version before answers them again."""
    story.add("Production", moody(2.0, hangs=50.0, seconds=0.02))

    def back() -> bool:
        story.ask(75.0, **{"X-Request-Timeout-Ms": "400"})
        return story.production().id.version == 1

    eventually(back)
    line = story.rolled_back()
    assert line[3]["figures"]["signal"] == "silence"
    assert story.ask(75.0).status == 200
