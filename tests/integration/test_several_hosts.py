"""Three hosts on machines of their own: real MLflow, PostgreSQL, gunicorn, followers and Envoy, over a real network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from cuelight.kit.settings import Settings
from cuelight.operations.agreement import differences
from cuelight.operations.database import Operations
from tests.support.fleet import Member, small_disk, variables
from tests.support.gateway import POOL, Gateway
from tests.support.host import eventually
from tests.support.models import ZEROS, constant, moody
from tests.support.network import machines
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.registered import Registrar
from tests.support.tokens import Mint

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

MODEL = "several-hosts"
NAMES = ("a", "b", "c")
PATH = f"/models/{MODEL}/invocations"
BODY = json.dumps(ZEROS)
HIGH = {"dataframe_split": {"columns": ["a", "b"], "data": [[80.0, 0.0]]}}
_SILENT_SECONDS = 20.0
_LOOK_SECONDS = 0.1  # who waits leaves the cores to the hosts


@dataclass
class Scene:
    """The hosts, the gateway before them, and what people do at MLflow."""

    hosts: dict[str, Member]
    gateway: Gateway
    registrar: Registrar
    operations: Operations
    headers: dict[str, str]
    environment: dict[str, str]
    ways: dict[str, str]
    version: int = 0

    def promote(self, made: Callable[[float], Any] = constant) -> int:
        """A new version, which answers with its number, is put into Production; the number."""
        self.version = self.registrar.put(MODEL, made(self.version + 1.0))
        self.registrar.registry.set_stage(MODEL, self.version, "Production", archive_others=True)
        return self.version

    def ask(self) -> tuple[int, float]:
        """Status and answer of one request by the gateway."""
        answer = POOL.request("POST", f"{self.gateway.url}{PATH}", json=ZEROS, headers=self.headers)
        return answer.status, answer.json()["predictions"][0] if answer.status == 200 else 0.0

    def serves(self) -> dict[str, int]:
        """The version in Production by host, as each wrote it down."""
        time.sleep(_LOOK_SECONDS)
        roles = {each.name: each.role(MODEL, "Production") for each in self.operations.hosts()}
        return {name: role.serves.number for name, role in roles.items() if role and role.serves}

    def wait_for(self, version: int, *names: str) -> None:
        """Until these hosts serve it."""
        eventually(
            lambda: all(self.serves().get(each) == version for each in names or NAMES), reason=str(self.serves())
        )

    def wait_until_read(self) -> None:
        """Until all hosts have begun a reading of the registry after this moment, and ended it."""
        for _ in range(2):  # the first may have been under way
            eventually(partial(self._have_read_since, time.monotonic()), reason="not all read the registry")

    def _have_read_since(self, moment: float) -> bool:
        time.sleep(_LOOK_SECONDS)
        return all(each.age + each.unread < time.monotonic() - moment for each in self.operations.hosts())

    def fit(self) -> set[str]:
        """The hosts that the gateway sends requests to."""
        time.sleep(_LOOK_SECONDS)
        return {name for name, faults in self.gateway.members().items() if not faults}

    def switched(self, version: int) -> dict[str, float]:
        """When each host took it, once the history has all of them."""
        events = self.operations.history(MODEL)
        found = {each.writer: each.at for each in events if (each.version, each.kind) == (version, "switched")}
        return found if found.keys() == {*NAMES} else {}

    def tags(self) -> Mapping[str, str]:
        """Those of the version that was promoted last."""
        return self.registrar.registry.snapshot().models[MODEL].versions[self.version].tags

    def wait_for_tags(self, state: str, end: str) -> None:
        """Until that version's say this state, with a reason that ends so; they are written one after the other."""

        def said() -> bool:
            tags = self.tags()
            return (tags.get("cuelight.state"), tags.get("cuelight.reason", "")[-len(end) :]) == (state, end)

        eventually(said, reason=str(self.tags()))

    def fail(self, name: str, times: int) -> None:
        """Ask one host so often what a moody version can't answer."""
        for _ in range(times):
            answer = POOL.request("POST", f"{self.hosts[name].url}{PATH}", json=HIGH, headers=self.headers)
            assert answer.status == 500, answer.data

    def in_production(self) -> int:
        """The version that MLflow has there."""
        versions = self.registrar.registry.snapshot().models[MODEL].versions.values()
        (found,) = (each.version for each in versions if each.stage == "Production")
        return found

    def differences(self, name: str) -> list[str]:
        """What is said of a host."""
        return differences(self.operations.hosts(), _SILENT_SECONDS)[name]

    def status(self) -> list[dict[str, Any]]:
        """The hosts, as `cuelight status` shows them at the gateway."""
        command = [sys.executable, "-m", "cuelight.cli", "status", "--json"]
        env = {**os.environ, **self.environment}
        said = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=120).stdout
        hosts: list[dict[str, Any]] = json.loads(said)["hosts"]
        return hosts

    @contextmanager
    def load(self) -> Iterator[list[tuple[int, float]]]:
        """Requests without a break, and what they heard."""
        heard: list[tuple[int, float]] = []
        ended = threading.Event()

        def call() -> None:
            while not ended.wait(0.04):
                heard.append(self.ask())

        thread = threading.Thread(target=call)
        thread.start()
        try:
            yield heard
        finally:
            ended.set()
            thread.join(60)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str, postgres_server: Postgres) -> Iterator[Scene]:
    """All three serve version 1, and the gateway has found them."""
    folder, port = tmp_path_factory.mktemp("several-hosts"), free_port()
    home, mlflow = folder / "gateway", urlsplit(mlflow_server)
    mint = Mint(Settings(home=home))
    shared: dict[str, Any] = {
        "access_required": True,
        "access_folder": home / "access",
        "hosts_heartbeat_seconds": 0.5,
        "hosts_silent_seconds": _SILENT_SECONDS,
        "hosts_wave_seconds": 1.0,
    }
    with small_disk(folder / "c"), machines(len(NAMES), port) as there:
        hosts, ways, database = {}, {}, urlsplit(postgres_server.url())
        shared["database_url"] = database.geturl()
        for name, machine in zip(NAMES, there, strict=True):
            its_database = database.geturl().replace(
                database.netloc.rpartition("@")[2], machine.way(database.port or 0)
            )
            ways[name] = machine.way(mlflow.port or 0)
            chosen = variables(
                **shared | {"database_url": its_database},
                registry_uri=f"http://{ways[name]}",
                registry_poll_seconds=0.5,
                registry_read_timeout=3.0,
                serving_workers=1,
                serving_cache_bytes=0,
                serving_compile=False,
                trial_requirements=False,
                journal_record=False,
                log_level="warning",
            )
            hosts[name] = Member(name, folder / name, port, machine, chosen)
            (hosts[name].home / "keys").mkdir(parents=True, exist_ok=True)
        registrar = Registrar(mlflow_server, hosts["a"].home / "keys")
        for each in (hosts["b"], hosts["c"]):  # what was signed there, is trusted here
            subprocess.run(["cp", "-r", f"{hosts['a'].home}/keys/.", f"{each.home}/keys"], check=True)
        gateway = Gateway(home, **shared, gateway_hedge_seconds=1.0)
        asked = {
            "gateway_port": gateway.settings.gateway_port,
            "gateway_admin_port": gateway.settings.gateway_admin_port,
        }
        environment = variables(home=home, **shared, **asked, registry_uri=mlflow_server)
        operations = Operations(shared["database_url"])
        made = Scene(hosts, gateway, registrar, operations, mint.bearer("score"), environment, ways)
        made.promote()
        try:
            for each in hosts.values():
                each.start()
            made.wait_for(1)
            gateway.start()
            yield made
        finally:
            gateway.stop()
            for each in hosts.values():
                each.stop()


def test_the_gateway_finds_them_and_one_speaks_for_all(scene: Scene) -> None:
    """Nobody listed them anywhere; requests go to each; the version's tags say for all that it serves."""
    eventually(lambda: scene.fit() == {*NAMES}, reason=str(scene.gateway.members()))
    assert {scene.ask() for _ in range(9)} == {(200, 1.0)}
    assert all(scene.gateway.asked(each) for each in NAMES)
    scene.wait_for_tags("serving", "On 3 hosts.")
    shown = scene.status()
    assert [(each["name"], each["state"], each["differences"]) for each in shown] == [
        (name, "here", []) for name in NAMES
    ]


def test_a_wave_goes_from_host_to_host(scene: Scene) -> None:
    """In the order of names, and no earlier than a second after the one before; callers notice nothing."""
    scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "true"})
    scene.wait_until_read()
    with scene.load() as heard:
        version = scene.promote()
        scene.wait_for(version)
    scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "false"})
    lines = eventually(lambda: scene.switched(version))
    assert lines["b"] - lines["a"] >= 1.0
    assert lines["c"] - lines["b"] >= 1.0
    assert Counter(status for status, _ in heard).keys() == {200}


def test_one_cut_off_and_one_with_a_full_disk_serve_on(scene: Scene) -> None:
    """Only the third takes a new version meanwhile, and callers hear no fault; both have it once they can."""
    cut, full = scene.hosts["b"], scene.hosts["c"]
    cut.machine.cut()
    try:
        eventually(lambda: scene.fit() == {"a", "c"}, reason="the gateway does not see that it is cut off")
        with full.full_disk(), scene.load() as heard:
            version = scene.promote()
            scene.wait_for(version, "a")
            answer = cut.ask(PATH, BODY, scene.headers["Authorization"])
            assert json.loads(answer)["predictions"] == [version - 1.0]
            eventually(
                lambda: "No space left on device" in str(scene.differences("c")), reason="nobody says what is wrong"
            )
        assert scene.serves() == {"a": version, "b": version - 1, "c": version - 1}
        assert {status for status, _ in heard} == {200}
    finally:
        cut.machine.mend()
    scene.wait_for(version)
    eventually(lambda: scene.fit() == {*NAMES}, reason="it is not back")


def test_one_that_stalls_holds_nobody_up(scene: Scene) -> None:
    """What it was asked is asked elsewhere, and it gets nothing more until it answers probes again."""
    with scene.load() as heard:
        for _ in range(2):
            scene.hosts["a"].freeze()
            eventually(lambda: scene.fit() == {"b", "c"}, reason="the gateway does not see that it stalls")
            scene.hosts["a"].thaw()
            eventually(lambda: scene.fit() == {*NAMES}, reason="it is not back")
    assert {status for status, _ in heard} == {200}


def test_one_that_comes_back_catches_up_before_it_is_asked(scene: Scene) -> None:
    """It was away for a wave: from the moment that the others had the version, nobody hears the old one."""
    scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "true"})
    scene.hosts["a"].stop()
    version = scene.promote()
    scene.wait_for(version, "b", "c")
    scene.hosts["a"].environment |= variables(hosts_heartbeat_seconds=2.0)  # it hears late whether it is its turn
    eventually(lambda: scene.fit() == {"b", "c"}, reason="the gateway does not see that it is gone")
    with scene.load() as heard:
        scene.hosts["a"].start()
        eventually(lambda: scene.fit() == {*NAMES}, reason="it does not come back")
        before = len(heard)
        eventually(lambda: len(heard) > before + 30)
    scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "false"})
    assert set(heard) == {(200, float(version))}


def test_a_wave_goes_on_without_a_host_that_can_not_read_mlflow(scene: Scene) -> None:
    """Which is named wherever people look, and catches up once it can."""
    deaf = scene.hosts["b"]
    before = scene.in_production()
    scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "true"})
    eventually(lambda: all(each["differences"] == [] for each in scene.status()), 60, "they are not all the same")
    scene.wait_until_read()
    deaf.machine.block(scene.ways["b"])
    try:
        version = scene.promote()
        scene.wait_for(version, "a", "c")
        assert scene.serves()["b"] == before
        scene.wait_for_tags("serving", "On 2 hosts. b: It can't read MLflow.")
        assert "It can't read MLflow." in scene.differences("b")
    finally:
        deaf.machine.clear(scene.ways["b"])
        scene.registrar.registry.set_model_tags(MODEL, {"cuelight.wave": "false"})
    scene.wait_for(version)


def test_faults_that_are_few_on_each_host_are_many_on_all(scene: Scene) -> None:
    """None of them would call the version worse by what it has seen itself."""
    before = scene.in_production()
    version = scene.promote(lambda answer: moody(answer, fails=50.0))
    scene.wait_for(version)
    for name in NAMES:
        scene.fail(name, 9)
    scene.wait_for(before)
    eventually(lambda: scene.in_production() == before, 60, "MLflow is not brought in line")
    eventually(lambda: scene.tags()["cuelight.state"] == "rolled-back", 60, str(scene.tags()))
    scene.wait_until_read()
    tags = scene.tags()
    # Two may be enough for a verdict before they have heard of the third's.
    assert any(f"Counted on {hosts} hosts: " in tags["cuelight.reason"] for hosts in (2, 3))
    for _ in range(3):
        scene.wait_until_read()
    assert scene.tags() == tags  # each has its own reason, and they don't write against each other


def test_what_fails_on_a_host_that_can_not_say_so_in_mlflow_is_rolled_back(scene: Scene) -> None:
    """The others see by the table what it has counted."""
    before, mood = scene.in_production(), {"CUELIGHT_HOST_NAME": "b"}
    version = scene.promote(lambda answer: moody(answer, fails=50.0, only=mood))
    scene.wait_for(version)
    lonely = scene.hosts["b"]
    lonely.machine.block(scene.ways["b"])
    try:
        scene.fail("b", 14)
        eventually(lambda: scene.in_production() == before, 60, "nobody moves it")
        scene.wait_for(before)
    finally:
        lonely.machine.clear(scene.ways["b"])
