from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from cuelight.cli import compose
from cuelight.cli.rollback import command
from cuelight.kit.errors import NotFound, Refused, Unavailable
from cuelight.kit.identity import user
from cuelight.operations.database import Operations
from cuelight.operations.succession import line
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.host.orders import Answer, Order, Orders
from cuelight.serving.host.places import Places


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryRegistry:
    """Model m with versions 1 to 3, the third in Production and champion, and a history of how that came."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    registry = MemoryRegistry()
    registry.create_model("m")
    for _ in range(3):
        registry.create_version("m", "/nowhere", "r", {})
    registry.set_stage("m", 3, "Production")
    registry.set_alias("m", "champion", 3)
    monkeypatch.setattr(compose, "registry", lambda _settings: registry)
    operations = compose.operations(compose.settings())
    for at, (version, before, track) in enumerate(
        [(1, None, "Production"), (3, 1, "Production"), (2, None, "Staging")]
    ):
        operations.record("switched", "m", version, {"track": track, "before": before}, at=100.0 + at)
    return registry


def test_the_version_before_is_put_back(registry: MemoryRegistry) -> None:
    """By stage and by the alias that is in use; what was there is archived; other tracks don't count."""
    result = CliRunner().invoke(command, ["m", "--yes"])
    assert result.output == "Version 1 of m is in Production again; 3 is archived.\n"
    model = registry.snapshot().models["m"]
    assert {number: each.stage for number, each in model.versions.items()} == {
        1: "Production",
        2: "None",
        3: "Archived",
    }
    assert model.aliases == {"champion": 1}


def test_nothing_happens_without_a_yes(registry: MemoryRegistry) -> None:
    """The question names both versions; no means no."""
    result = CliRunner().invoke(command, ["m"], input="n\n")
    assert result.exit_code == 1
    assert "Put version 1 of m back into Production, in place of 3?" in result.output
    assert registry.snapshot().models["m"].versions[3].stage == "Production"


def test_a_model_without_a_version_before_is_said_so(registry: MemoryRegistry) -> None:
    """There is nothing to go back to."""
    assert isinstance(CliRunner().invoke(command, ["other", "--yes"]).exception, NotFound)


@pytest.mark.parametrize(
    ("versions", "led"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2], [1, 2]),
        ([1, 2, 1], [1]),
        ([1, 2, 1, 3], [1, 3]),
        ([1, 2, 3, 2, 1], [1]),
        ([1, 1, 2], [1, 2]),
    ],
)
def test_going_back_twice_never_goes_forward(versions: list[int], led: list[int]) -> None:
    """A version that was gone back from is not one to go back to."""
    assert line(versions) == led


class _Follower(Thread):
    """Answers the first order that it finds."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        super().__init__(daemon=True)
        self.orders, self.answer = Orders(folder), answer
        self.order: Order | None = None

    def run(self) -> None:
        while self.order is None:
            self.order = next(self.orders.waiting(), None)
            time.sleep(0.01)
        self.orders.close(self.order, self.answer)


@pytest.fixture
def places(registry: MemoryRegistry) -> Places:
    """Where the follower of this installation works."""
    return Places(compose.settings().serving_folder)


@pytest.mark.parametrize(
    ("done", "exception", "output"),
    [(True, None, "Version 1 answers again. MLflow is told once it answers.\n"), (False, Refused, "")],
)
def test_without_the_registry_the_follower_does_it(
    registry: MemoryRegistry, places: Places, done: bool, exception: type | None, output: str
) -> None:
    """It is told which version, in place of which, by whom; what it answers is printed, or is the error."""
    registry.down = True
    follower = _Follower(places.orders, Answer(done, "Version 1 answers again."))
    follower.start()
    result = CliRunner().invoke(command, ["m", "--yes"])
    follower.join(10)
    assert follower.order is not None
    assert (follower.order.version, follower.order.present, follower.order.by) == (1, 3, user())
    assert result.output.endswith(output)
    assert isinstance(result.exception, exception) if exception else result.exit_code == 0


def test_an_order_that_nobody_takes_up_waits(
    registry: MemoryRegistry, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there for the follower that starts later; the command does not say that it is done."""
    monkeypatch.setattr("cuelight.cli.rollback._PATIENCE_SECONDS", 0.2)
    registry.down = True
    result = CliRunner().invoke(command, ["m", "--yes"])
    assert isinstance(result.exception, Unavailable)
    assert "The order waits" in str(result.exception)
    assert [(each.model, each.version) for each in Orders(places.orders).waiting()] == [("m", 1)]


def test_without_the_history_the_follower_knows_the_version(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it served before, in place of whichever it serves."""

    def away(_settings: object) -> Operations:
        raise Unavailable("The operations database can't be used.")

    monkeypatch.setattr(compose, "operations", away)
    follower = _Follower(places.orders, Answer(True, "Version 1 answers again."))
    follower.start()
    result = CliRunner().invoke(command, ["m"], input="y\n")
    follower.join(10)
    assert "Put the version of m that this host served before back into Production" in result.output
    assert follower.order is not None
    assert (follower.order.version, follower.order.present) == (None, None)
