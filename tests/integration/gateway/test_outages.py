"""Real serving hosts that die, hang, come and go under load, behind the gateway: no request fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

import pytest
from msgspec import structs

from cuelight.operations.replicas import Replica
from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.gateway import Gateway
from tests.support.gateway import running as gateway_running
from tests.support.host import Host, eventually, running
from tests.support.load import Load, steady
from tests.support.models import ZEROS, Shelf

MODEL, CALLERS = "sturdy", 8


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    """Two serving hosts over one registry twin, with a model in Production."""
    folder, registry = tmp_path_factory.mktemp("hosts"), MemoryRegistry()
    light: dict[str, Any] = {"serving_cache_bytes": 0}  # no process for versions on demand
    one_worker = light | {"serving_workers": 1}
    with running(folder / "one", registry, **light) as one, running(folder / "two", registry, **one_worker) as two:
        shelf = Shelf(registry, folder / "shelf", one.settings.keys_folder)
        shelf.add(MODEL, models.constant(1.0), sign=False)  # they have keys of their own
        registry.set_stage(MODEL, 1, "Production")
        for host in (one, two):
            host.wait_for(MODEL, 1)
        yield one, two


@pytest.fixture(scope="module")
def members(hosts: tuple[Host, Host]) -> list[Replica]:
    """The two as replicas."""
    return [Replica(name, "127.0.0.1", host.settings.serving_port) for name, host in zip("ab", hosts, strict=True)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, members: list[Replica]) -> Iterator[Gateway]:
    """A gateway before them."""
    with gateway_running(tmp_path_factory.mktemp("gateway") / "home", members) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway) -> Gateway:
    """That gateway, when both are fit."""
    eventually(lambda: shared.members() == {"a": set(), "b": set()})
    return shared


@contextmanager
def under_load(gateway: Gateway) -> Iterator[Load]:
    """Callers all the while; at the end none of them has seen a failure, and all were answered to the end."""
    with steady(gateway.url, MODEL, ZEROS, connections=CALLERS) as load:
        go_on(load)
        yield load
        go_on(load)
    assert load.failed == []


def go_on(load: Load, more: int = 20) -> None:
    """Wait until every caller has got so many more answers."""
    before = [len(each) for each in load.answers]
    eventually(lambda: all(len(now) >= then + more for now, then in zip(load.answers, before, strict=True)))


def test_a_worker_is_killed(gateway: Gateway, hosts: tuple[Host, Host]) -> None:
    """SIGKILL, several times: what it was asked is asked again."""
    with under_load(gateway) as load:
        for _ in range(4):
            kill_worker(hosts[0])
            go_on(load)


def kill_worker(host: Host) -> None:
    """End one, and wait until another has its place."""
    before = {each.pid for each in host.workers()}
    victim = min(before)
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        now = {each.pid for each in host.workers()}
        return victim not in now and len(now) == len(before)

    eventually(replaced)


def test_a_whole_replica_is_killed_and_comes_back(gateway: Gateway, hosts: tuple[Host, Host]) -> None:
    """SIGKILL for all of it; the other answers, and it has its share again when it is ready."""
    with under_load(gateway) as load:
        hosts[0].kill_server()
        eventually(lambda: gateway.members()["a"])
        go_on(load)
        hosts[0].start_server()
        eventually(lambda: gateway.members()["a"] == set())


def test_a_replica_hangs_and_goes_on(gateway: Gateway, hosts: tuple[Host, Host]) -> None:
    """SIGSTOP: its connections are closed when it misses its probes, and what it was asked is asked elsewhere."""
    with under_load(gateway) as load:
        hosts[0].signal_all(signal.SIGSTOP)
        eventually(lambda: gateway.members()["a"])
        go_on(load)
        hosts[0].signal_all(signal.SIGCONT)
        eventually(lambda: gateway.members()["a"] == set())


def test_replicas_come_and_go(gateway: Gateway, members: list[Replica]) -> None:
    """The file of replicas changes twenty times: each time Envoy knows, and no caller notices."""
    one, two = members
    with under_load(gateway) as load:
        for there in islice(cycle(([one], [one, two], [two], [two, one])), 20):
            publish(gateway, there)
            go_on(load, 2)


def publish(gateway: Gateway, there: list[Replica]) -> None:
    """Say who serves, and wait until Envoy knows."""
    gateway.publish(there)
    eventually(lambda: gateway.members().keys() == {each.name for each in there})


def test_a_draining_replica_finishes_what_it_has(gateway: Gateway, members: list[Replica]) -> None:
    """It gets nothing new, and is said to be draining; who is the last is not drained."""
    one, two = (structs.replace(each, draining=True) for each in members)
    with under_load(gateway) as load:
        gateway.publish([one, members[1]])
        eventually(lambda: gateway.members()["a"] == {"DRAINING"})

        def rests() -> bool:
            before = gateway.asked("a")
            go_on(load)
            return gateway.asked("a") == before

        eventually(rests)  # once each of Envoy's threads knows
        assert rests()
        before = gateway.asked("a")
        gateway.publish([one, two])
        go_on(load)
        gateway.publish(members)
        eventually(lambda: gateway.members()["a"] == set())
        eventually(lambda: gateway.asked("a") > before)
