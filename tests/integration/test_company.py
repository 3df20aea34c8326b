"""Two replicas that follow one registry, each with workers of its own: what one finds out, both go by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.operations import replicas
from cuelight.operations.replicas import Replica
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track
from tests.support.host import Host, eventually
from tests.support.models import Shelf, moody

MODEL = "m"
MOST = 3000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[tuple[Host, Host]]:
    """Both in one home, each with one worker."""
    home = tmp_path_factory.mktemp("company")
    chosen: dict[str, Any] = {"serving_workers": 1, "serving_cache_bytes": 0}
    one = Host(home, registry, **chosen)
    two = Host(home, registry, serving_replica="replica-2", host_name="local-replica-2", **chosen)
    second = Replica("replica-2", "127.0.0.1", two.settings.serving_port)
    replicas.change(one.settings, lambda known: (*known, second))
    try:
        one.start_follower()
        two.start_follower()
        one.start_server()
        two.start_server(more={"CUELIGHT_SERVING_REPLICA": "replica-2"})
        yield one, two
    finally:
        two.stop()
        one.stop()


def test_a_rollback_by_one_is_followed_by_all(
    pair: tuple[Host, Host], registry: MemoryRegistry, tmp_path: Path
) -> None:
    """Both go back, by the stage in MLflow; the version's tags go on saying why, and a move is noted once."""
    shelf = Shelf(registry, tmp_path, pair[0].settings.keys_folder)
    callers = itertools.count()

    def ask(host: Host) -> int:
        row = next(callers) * 37 % 100 + 0.5
        body = {"dataframe_split": {"columns": ["a", "b"], "data": [[row, 0.0]]}}
        return host.score(MODEL, body, **{"X-Cuelight-Key": str(row)}).status

    def promoted(model: Any) -> int:
        version = shelf.add(MODEL, model, form="cloudpickle")
        registry.set_stage(MODEL, version, "Production", archive_others=True)
        for host in pair:
            host.wait_for(MODEL, version)
        return version

    def in_charge() -> set[int]:
        return {host.generation().tracks[MODEL, Track.PRODUCTION].id.version for host in pair}

    good = promoted(moody(1.0))
    assert {ask(host) for _ in range(100) for host in pair} == {200}
    worse = promoted(moody(2.0, fails=80.0))
    for _ in range(MOST):
        if in_charge() == {good}:
            break
        for host in pair:
            ask(host)
    assert in_charge() == {good}
    eventually(lambda: registry.snapshot().models[MODEL].versions[good].stage == "Production")
    assert {ask(host) for _ in range(100) for host in pair} == {200}
    eventually(lambda: pair[0].tags(MODEL, worse).get("cuelight.state") == "rolled-back")
    eventually(lambda: any(line[0] == "rolled-back" for host in pair for line in host.history))

    def moves() -> list[tuple[int, str]]:
        return [(line[2], line[3]["stage"]) for host in pair for line in host.history if line[0] == "moved"]

    eventually(lambda: (worse, "Production") in moves())
    assert moves().count((worse, "Production")) == 1
