"""Rollouts on real workers: up while the checks pass, and not without traffic, nor for a version that does worse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cuelight.registry.memory import MemoryRegistry
from tests.support.host import POOL, Host, eventually, running
from tests.support.load import steady
from tests.support.models import ZEROS, Shelf, constant, moody

SEVENTIES = {"dataframe_split": {"columns": ["a", "b"], "data": [[70.0, 0.0]]}}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[Host]:
    """A follower and two gunicorn workers; twenty answers of each version are enough to call it fine."""
    with running(tmp_path_factory.mktemp("host"), registry, rollback_enough=20) as host:
        yield host


@pytest.fixture
def model(host: Host, shelf: Shelf, registry: MemoryRegistry, request: pytest.FixtureRequest) -> str:
    """A model of the test's own, with version 1 in Production and 2 in Staging."""
    name = str(request.node.name)
    for number, stage in ((1, "Production"), (2, "Staging")):
        shelf.add(name, constant(float(number)))
        registry.set_stage(name, number, stage)
        host.wait_for(name, number, stage)
    return name


def _shown(host: Host, model: str) -> Any:
    """What `GET /models/{name}` says of the rollout."""
    return POOL.request("GET", f"{host.url}/models/{model}").json()["traffic"]["rollout"]


def _says(host: Host, model: str, what: str) -> Callable[[], bool]:
    return lambda: what in ((_shown(host, model) or {}).get("says", ""))


def _shares(host: Host, model: str) -> list[float]:
    """The canary's shares, one after the other."""
    return [line[3]["canary"] for line in host.history if line[:2] == ("traffic", model)]


def test_a_rollout_walks_up_under_traffic(host: Host, registry: MemoryRegistry, model: str) -> None:
    """Share by share, without a failed request; at the end it says that a person may promote, and that ends it."""
    registry.set_model_tags(model, {"cuelight.rollout": "20,50,100 every 2s"})
    with steady(host.url, model, ZEROS, connections=2, pause=0.005) as load:
        eventually(_says(host, model, "it may be promoted now"))
        eventually(lambda: load.all[-1].version == 2)
    assert load.failed == []
    assert _shares(host, model) == [20.0, 50.0, 100.0]
    whys = [line[3]["why"] for line in host.history if line[:2] == ("traffic", model)]
    assert whys[1] == "rollout 20,50,100 every 2s: its checks passed at 20 %"
    shown = _shown(host, model)
    assert (shown["plan"], shown["step"], shown["of"]) == ("20,50,100 every 2s", 3, 3)
    reason = eventually(lambda: "promoted now" in (found := host.tags(model, 2)["cuelight.reason"]) and found)
    assert reason.startswith("Serves Staging (stage). Rollout: step 3 of 3, 100 % since ")

    registry.set_stage(model, 2, "Production", archive_others=True)
    host.wait_for(model, 2)
    eventually(lambda: registry.snapshot().models[model].tags["cuelight.rollout"] == "off", reason="it does not end")
    eventually(lambda: _shown(host, model) is None)


def test_without_traffic_a_rollout_waits(host: Host, shelf: Shelf, registry: MemoryRegistry, model: str) -> None:
    """It says so, also after a restart; with traffic it goes on; the next version in Staging gets nothing of it."""
    registry.set_model_tags(model, {"cuelight.rollout": "20,60 every 1s"})
    eventually(_says(host, model, "it waits, there is too little traffic yet to tell"))
    since = _shown(host, model)["since"]
    host.stop_follower()
    host.start_follower()
    eventually(lambda: "too little traffic" in host.tags(model, 2)["cuelight.reason"])
    assert (_shares(host, model), _shown(host, model)["since"]) == ([20.0], since)
    with steady(host.url, model, ZEROS, connections=2, pause=0.005):
        eventually(lambda: _shares(host, model) == [20.0, 60.0], reason="it does not go on")

        version = shelf.add(model, constant(3.0))
        registry.set_stage(model, version, "Staging")
        host.wait_for(model, version, "Staging")
        eventually(lambda: registry.snapshot().models[model].tags["cuelight.rollout"] == "off")
        eventually(lambda: _shown(host, model) is None)
        answers = [host.score(model, ZEROS).headers["X-Model-Version"] for _ in range(50)]
    assert set(answers) == {"1"}
    eventually(lambda: _shares(host, model) == [20.0, 60.0, 0.0])


def test_a_version_that_does_worse_goes_back(host: Host, shelf: Shelf, registry: MemoryRegistry, model: str) -> None:
    """Its share is taken away by the rollback, the tag says `off`, and no higher share was ever reached."""
    registry.set_stage(model, 2, "Archived")
    worse = shelf.add(model, moody(3.0, fails=60.0), form="cloudpickle")
    registry.set_stage(model, worse, "Staging")
    host.wait_for(model, worse, "Staging")
    registry.set_model_tags(model, {"cuelight.rollout": "50,100 every 1h"})
    eventually(lambda: _shares(host, model) == [50.0])
    with steady(host.url, model, SEVENTIES, connections=2, pause=0.005):
        eventually(lambda: _shares(host, model) == [50.0, 0.0], reason="it is not withdrawn")
    eventually(lambda: registry.snapshot().models[model].tags["cuelight.rollout"] == "off")
    eventually(lambda: host.tags(model, worse)["cuelight.state"] == "rolled-back")
    eventually(lambda: _shown(host, model) is None)
    assert {host.score(model, SEVENTIES).status for _ in range(20)} == {200}


def test_where_nothing_is_rolled_back_by_itself_it_stops(
    host: Host, shelf: Shelf, registry: MemoryRegistry, model: str
) -> None:
    """The share stays for a person to decide, and is not raised, though its time is over."""
    registry.set_stage(model, 2, "Archived")
    worse = shelf.add(model, moody(3.0, fails=60.0), form="cloudpickle")
    registry.set_stage(model, worse, "Staging")
    host.wait_for(model, worse, "Staging")
    registry.set_model_tags(model, {"cuelight.rollout": "50,100 every 2s", "cuelight.auto_rollback": "false"})
    with steady(host.url, model, SEVENTIES, connections=2, pause=0.005):
        eventually(_says(host, model, "its checks found it worse, it goes no further"))
        time.sleep(2.5)  # its time is over
    assert (_shares(host, model), _shown(host, model)["step"]) == ([50.0], 1)
    registry.set_model_tags(model, {"cuelight.rollout": "off"})
    eventually(lambda: _shares(host, model) == [50.0, 0.0])
