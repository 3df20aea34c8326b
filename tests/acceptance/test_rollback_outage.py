"""`cuelight rollback` while MLflow is down or hangs, as a person runs it: at once, and MLflow is told later."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from cuelight.kit.errors import RegistryUnavailable
from cuelight.kit.identity import user
from tests.support.host import eventually
from tests.support.load import steady
from tests.support.mlflow_server import MlflowServer
from tests.support.models import ZEROS
from tests.support.registered import Registrar
from tests.support.stack import POOL, Up

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, mlflow: MlflowServer) -> Iterator[Up]:
    """An installation that uses it, and gives up an answer after two seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUELIGHT_REGISTRY_READ_TIMEOUT", "2")
        up = Up(tmp_path_factory.mktemp("up") / "home", registry_uri=mlflow.url)
        try:
            up.start()
            yield up
        finally:
            up.stop()


@pytest.fixture
def registrar(up: Up) -> Registrar:
    """Registers versions that the installation trusts."""
    return Registrar(up.mlflow_url, up.home / "keys")


def _run(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cuelight.cli", *arguments]
    environment = {**up.environment, "CUELIGHT_REGISTRY_URI": up.mlflow_url}
    return subprocess.run(
        command, env=environment, cwd=up.home.parent, capture_output=True, text=True, timeout=120, check=False
    )


def _serves(up: Up, model: str, version: int) -> bool:
    document = POOL.request("GET", f"{up.url}/models/{model}").json()
    return bool(document.get("tracks", {}).get("Production", {}).get("version") == version)


def _lines(up: Up, model: str, kind: str) -> list[dict[str, Any]]:
    """Lines of the history of that kind."""
    printed = up.command_here("history", model, "--json").stdout.splitlines()
    return [line for line in map(json.loads, printed) if line["kind"] == kind]


def _stages(registrar: Registrar, model: str) -> dict[int, str]:
    """A server that was asked much while it hung resets some connections at first."""
    try:
        return {number: each.stage for number, each in registrar.registry.snapshot().models[model].versions.items()}
    except RegistryUnavailable:
        return {}


def _promoted(up: Up, registrar: Registrar, model: str, versions: int) -> None:
    """That many versions, in Production one after the other; the history has it."""
    for number in range(1, versions + 1):
        registrar.add(model, float(number))
        registrar.registry.set_stage(model, number, "Production", archive_others=True)
        eventually(partial(_serves, up, model, number), reason=f"version {number} is not served")
    eventually(lambda: len(_lines(up, model, "switched")) == versions)


@pytest.mark.parametrize("outage", ["stopped", "hanging"])
def test_a_rollback_needs_no_mlflow(outage: str, mlflow: MlflowServer, up: Up, registrar: Registrar) -> None:
    """Under load without a failed request; it outlives the follower; then MLflow says the same, and history all."""
    _promoted(up, registrar, outage, 2)
    if outage == "stopped":
        mlflow.stop()
    else:
        mlflow.signal(signal.SIGSTOP)

    with steady(up.url, outage, ZEROS, pause=0.02) as load:
        eventually(lambda: len(load.all) > 100)
        done = _run(up, "rollback", outage, "--yes")
        assert (done.returncode, done.stdout) == (
            0,
            f"{outage} version 1 answers again. MLflow is told once it answers.\n",
        ), done.stderr
        assert _serves(up, outage, 1)
        # Killed within a moment of the switch, it would take its line of the history with it.
        eventually(lambda: len(_lines(up, outage, "switched")) == 3, reason="the switch is not on record")
        follower = up.programs()["follow"]
        follower.kill()
        eventually(lambda: up.programs().get("follow", follower).pid != follower.pid, reason="it is not started again")
        if outage == "stopped":
            mlflow.start()
        else:
            mlflow.signal(signal.SIGCONT)
        eventually(lambda: _stages(registrar, outage) == {1: "Production", 2: "Archived"}, reason="MLflow is not told")
        eventually(lambda: _lines(up, outage, "rollback-settled"), reason="it is not settled")
    assert load.failed == []
    assert load.backward() == []
    assert {each.version for each in load.all} == {1, 2}
    assert load.all[-1].version == 1

    (ordered,) = _lines(up, outage, "rolled-back")
    assert (ordered["version"], ordered["detail"]["to"], ordered["detail"]["by"]) == (2, 1, user())
    (settled,) = _lines(up, outage, "rollback-settled")
    assert (settled["version"], settled["detail"]["outcome"]) == (2, "moved")
    assert [line["version"] for line in _lines(up, outage, "switched")] == [1, 2, 1]
    snapshot = registrar.registry.snapshot
    eventually(lambda: snapshot().models[outage].versions[2].tags["cuelight.state"] == "rolled-back")


def test_what_somebody_put_there_meanwhile_counts(mlflow: MlflowServer, up: Up, registrar: Registrar) -> None:
    """Who is quicker than Cuelight when MLflow is back overrules the rollback, and the history says so."""
    _promoted(up, registrar, "overruled", 2)
    third = registrar.add("overruled", 3.0)
    follower = up.programs()["follow"]
    mlflow.signal(signal.SIGSTOP)
    done = _run(up, "rollback", "overruled", "--yes")
    assert done.returncode == 0, done.stderr
    follower.suspend()  # so that the person is quicker
    try:
        mlflow.signal(signal.SIGCONT)
        eventually(lambda: _stages(registrar, "overruled"), reason="MLflow is not back")
        registrar.registry.set_stage("overruled", third, "Production", archive_others=True)
    finally:
        follower.resume()
    eventually(lambda: _serves(up, "overruled", third), reason="the third version is not served")
    assert _stages(registrar, "overruled")[third] == "Production"
    (settled,) = eventually(lambda: _lines(up, "overruled", "rollback-settled"))
    assert (settled["detail"]["outcome"], settled["detail"]["in_production"]) == ("overruled", third)
