"""`cuelight up`, as a person runs it: it comes up whole, says what is in its way, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.stack.programs import answers
from cuelight.cli.stack.supervisord import Control
from cuelight.kit.settings import Settings
from cuelight.registry.server_process import READY_PATH
from tests.support.host import eventually
from tests.support.ports import free_port
from tests.support.stack import POOL, READY, Up, gone, listening
from tests.support.walk import Walk

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
OURS = {"follow", "serve", "compact", "run", "gateway", "board"}  # the scheduler is `cuelight schedule run`

NAMES = ("SERVING", "MLFLOW", "GATEWAY", "GATEWAY_ADMIN", "BOARD")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One installation with an MLflow server of its own; started by `up`."""
    up = Up(tmp_path_factory.mktemp("whole") / "home")
    yield up
    up.stop()


@pytest.fixture(scope="module")
def lighter(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Iterator[Up]:
    """One that uses the shared MLflow server; started by `light`."""
    up = Up(tmp_path_factory.mktemp("light") / "home", registry_uri=mlflow_server)
    yield up
    up.stop()


@pytest.fixture
def up(whole: Up) -> Up:
    """The one with an MLflow of its own, running."""
    return _started(whole)


@pytest.fixture
def light(lighter: Up) -> Up:
    """The one that uses the shared MLflow server, running."""
    return _started(lighter)


def _started(up: Up) -> Up:
    """It is started anew, in the same folder, if a test has ended it."""
    if not up.running:
        up.start()
    return up


def test_everything_answers_once_it_is_up(up: Up) -> None:
    """After "Press Ctrl-C" all links are printed, scoring is ready, and MLflow answers with its pages and its API."""
    entry = up.gateway_url
    for link in (f"{entry}/mlflow/", f"{entry}/models", f"{up.url}/metrics", str(up.home)):
        assert link in up.output
    assert POOL.request("GET", f"{entry}/readyz").status == 200
    assert POOL.request("GET", f"{entry}/models").json()["models"] == []
    assert POOL.request("GET", f"{up.url}/metrics").status == 200
    assert POOL.request("GET", f"http://127.0.0.1:{up.gateway_admin_port}/metrics").status == 200
    assert answers(f"{entry}/mlflow/")
    assert answers(up.mlflow_url)
    assert answers(f"{up.mlflow_url}{READY_PATH}")


def test_its_ports_are_open_to_this_machine_alone(up: Up) -> None:
    """Nothing of it listens on an address that other machines reach."""
    pids = {each.pid for each in up.family()}
    ours = {address for address, pid in listening().items() if pid in pids}
    ports = up.serving_port, up.mlflow_port, up.gateway_port, up.gateway_admin_port, up.board_port
    assert ours == {("127.0.0.1", port) for port in ports}


def test_a_second_one_over_the_same_folder_is_refused(up: Up) -> None:
    """It says that one runs there already, even with ports of its own, and the first goes on."""
    ports = {f"CUELIGHT_{name}_PORT": str(free_port()) for name in NAMES}
    second = up.again(**ports)
    assert second.returncode == 1
    assert "already runs with" in second.stderr
    assert str(up.home) in second.stderr
    assert "Traceback" not in second.stderr
    assert answers(f"{up.url}/readyz")


@pytest.mark.parametrize("name", NAMES)
def test_a_taken_port_is_named_with_its_holder(name: str, tmp_path: Path) -> None:
    """The message says which port, who has it and which setting chooses another, and nothing is started."""
    up = Up(tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = up.again(**{f"CUELIGHT_{name}_PORT": str(port)})
    assert ended.returncode == 1
    for part in (f"Port {port}", f"process {os.getpid()}", f"CUELIGHT_{name}_PORT"):
        assert part in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "home" / "logs").exists()


def test_a_doctor_finds_it_well_and_what_is_broken(up: Up) -> None:
    """Of what runs nothing is amiss; a replica that is stopped is found, and a port of it that another has."""
    well = _doctor(up)
    assert (well["well"], [each["part"] for each in well["findings"] if each["state"] == "fault"]) == (True, [])
    assert {"3.17" in each["says"] for each in well["findings"] if each["part"] == "registry"} == {True, False}
    control = Control.of(Settings(home=up.home))
    control.stop("replica-1")
    try:
        with socket.create_server(("127.0.0.1", up.serving_port)):
            faults = {(each["part"], each["says"].split()[0]) for each in _doctor(up)["findings"] if each["mend"]}
    finally:
        control.start("replica-1")
    eventually(lambda: answers(f"{up.gateway_url}/readyz"))
    assert {("ports", "Port"), ("programs", "serving"), ("programs", "follower"), ("programs", "replica-1")} <= faults


def _doctor(up: Up) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(up.command_beside("doctor", "--json").stdout)
    return found


def test_a_killed_program_is_started_again(up: Up) -> None:
    """A follower killed by SIGKILL is replaced, and scoring is ready all the while."""
    victim = eventually(lambda: up.programs().get("follow"))
    victim.kill()
    eventually(lambda: up.programs().get("follow", victim) != victim, reason="the follower is not started again")
    assert answers(f"{up.url}/readyz")


def test_the_quickstart_goes_as_it_says(up: Up, tmp_path: Path) -> None:
    """From an empty installation to the verdict on other people; what the page goes on with is the demo's story."""
    walk = Walk("docs/quickstart.md", up.gateway_url.partition("//")[2], tmp_path, up.environment)
    said = ""
    for script, code, said in walk.steps():
        judged = script.endswith("cuelight drift doctor_visits")
        assert code == (11 if judged else 0), f"{script}: {said}"
        if judged:
            break
        if "cuelight promote doctor_visits 1" in script:
            eventually(lambda: _in_production(up) == {"doctor_visits": 1}, reason="the promoted version is not served")
    assert "degraded" in said
    assert "/mlflow/#/experiments/" in said.splitlines()[-1]


def _in_production(up: Up) -> dict[str, int]:
    models = POOL.request("GET", f"{up.gateway_url}/models").json()["models"]
    return {each["name"]: each["tracks"]["Production"]["version"] for each in models if "Production" in each["tracks"]}


def test_ctrl_c_ends_it_with_nothing_left(up: Up) -> None:
    """SIGINT: exit code 0, no process of it runs, and its ports can be had again."""
    eventually(lambda: up.programs().keys() > OURS)
    family = up.family()
    up.signal(signal.SIGINT)
    assert up.exit_code() == 0
    assert gone(family)
    assert "Traceback" not in up.output
    for port in (up.serving_port, up.mlflow_port, up.gateway_port, up.gateway_admin_port, up.board_port):
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path, mlflow_server: str) -> None:
    """SIGINT before anything is ready: exit code 0 as well, and no process of it runs."""
    up = Up(tmp_path / "home", registry_uri=mlflow_server)
    up.launch()
    try:
        eventually(lambda: up.programs().keys() == OURS)
        family = up.family()
        up.signal(signal.SIGINT)
        assert up.exit_code() == 0
        assert READY not in up.output
        assert gone(family)
    finally:
        up.stop()  # where it failed


def test_an_existing_mlflow_server_is_used(light: Up, mlflow_server: str) -> None:
    """With `--registry-uri` no MLflow server is started, and that one is linked and followed."""
    assert light.programs().keys() == OURS
    assert mlflow_server in light.output
    assert not (light.home / "mlflow").exists()
    eventually(lambda: "cuelight_registry_staleness_seconds " in _metrics(light))


@pytest.mark.parametrize("victim", ["cuelight up", "supervisord"])
def test_sudden_death_leaves_nothing_running(light: Up, victim: str) -> None:
    """Killed by SIGKILL, either of the two takes all programs with it."""
    family = light.family()
    family[0 if victim == "cuelight up" else 1].kill()
    light.exit_code()
    assert gone(family)


def _metrics(up: Up) -> str:
    return POOL.request("GET", f"{up.url}/metrics").data.decode()
