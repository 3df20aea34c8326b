"""Promotions reach live traffic: all workers at once, without a failed request, and nothing broken gets there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cuelight.registry import tags
from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.host import Host, eventually
from tests.support.load import Load, steady
from tests.support.models import ZEROS, Shelf


@pytest.fixture(scope="module")
def served(host: Host, shelf: Shelf, registry: MemoryRegistry) -> str:
    """A model with version 1 in Production and version 2 ready in Staging."""
    for answer in (1.0, 2.0):
        shelf.add("steady", models.constant(answer))
    registry.set_stage("steady", 1, "Production")
    registry.set_stage("steady", 2, "Staging")
    host.wait_for("steady", 1)
    host.wait_for("steady", 2, "Staging")
    return "steady"


def test_twenty_promotions_under_load_fail_no_request(host: Host, served: str, registry: MemoryRegistry) -> None:
    """Back and forth 20 times under load: no failed request, no connection sees an older generation after a newer."""
    with steady(host.url, served, ZEROS) as load:
        for step in range(20):
            version = 2 - step % 2
            registry.set_stage(served, version, "Production", archive_others=True)
            host.wait_for(served, version)
            eventually(lambda version=version: load.answers[0][-1].version == version)  # type: ignore[misc]
    assert load.failed == []
    assert load.backward() == []
    assert {each.version for each in load.all} == {1, 2}
    assert len({each.generation for each in load.all}) >= 20
    assert all(f'{{"predictions":[{each.version}.0]}}'.encode() == each.body for each in load.all)


def test_an_alias_promotes_like_a_stage(host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
    """An alias that settings map to Production moves traffic, and moves it back; the last one moved there wins."""
    for answer in (1.0, 2.0):
        shelf.add("aliased", models.constant(answer))
    registry.set_alias("aliased", "champion", 1)
    host.wait_for("aliased", 1)
    registry.set_stage("aliased", 2, "Production")
    host.wait_for("aliased", 2)
    registry.set_alias("aliased", "production", 1)
    host.wait_for("aliased", 1)
    scored = host.score("aliased", ZEROS, "/aliases/production")
    assert (scored.status, scored.headers["X-Model-Version"]) == (200, "1")


Spoiler = Callable[[Shelf, Path], int]

BROKEN: dict[str, tuple[Spoiler, str]] = {
    "corrupt": (lambda shelf, _: shelf.add("guarded", models.constant(9.0), spoil=models.alter), "altered after"),
    "corrupt and unsigned": (
        lambda shelf, _: shelf.add("guarded", models.constant(9.0), sign=False, spoil=models.alter),
        "can't be loaded",
    ),
    "raises": (lambda shelf, _: shelf.add("guarded", models.raising()), "raised ValueError"),
    "answers NaN": (lambda shelf, _: shelf.add("guarded", models.nan()), "NaN"),
    "unsigned pickle": (
        lambda shelf, target: shelf.add(
            "guarded",
            models.constant(9.0),
            form="cloudpickle",
            sign=False,
            spoil=lambda folder: models.pickle_bomb(folder, target),
        ),
        "not signed",
    ),
    "altered pickle": (
        lambda shelf, target: shelf.add(
            "guarded",
            models.constant(9.0),
            form="cloudpickle",
            spoil=lambda folder: models.pickle_bomb(folder, target),
        ),
        "altered after",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_version_is_refused_with_its_reason(
    kind: str, host: Host, shelf: Shelf, registry: MemoryRegistry, tmp_path: Path
) -> None:
    """It never answers, its tags say why, the old version goes on, and none of its code has run."""
    make, reason = BROKEN[kind]
    if "guarded" not in registry.snapshot().models:
        good = shelf.add("guarded", models.constant(1.0))
        registry.set_stage("guarded", good, "Production")
    host.wait_for("guarded", 1)
    with steady(host.url, "guarded", ZEROS, connections=1) as load:
        bad = make(shelf, tmp_path / "ran")
        registry.set_stage("guarded", bad, "Production", archive_others=True)
        state = eventually(lambda: host.tags("guarded", bad).get(tags.STATE) in ("refused", "serving"))
        assert state
        time.sleep(0.3)  # a wrong switch would come after the tag
    assert host.tags("guarded", bad)[tags.STATE] == "refused"
    assert reason in host.tags("guarded", bad)[tags.REASON]
    assert load.failed == []
    assert {each.version for each in load.all} == {1}
    assert not (tmp_path / "ran").exists()
    eventually(lambda: ("refused", "guarded", bad) in [line[:3] for line in host.history])


def test_a_signed_pickle_is_served(host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
    """What a known key has signed loads, whatever its form."""
    version = shelf.add("pickled", models.constant(4.0), form="cloudpickle")
    registry.set_stage("pickled", version, "Production")
    host.wait_for("pickled", version)
    assert host.score("pickled", ZEROS).json() == {"predictions": [4.0]}


def test_an_unsigned_skops_file_is_served(host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
    """What can't run code loads without a signature, trees too."""
    version = shelf.add("unsigned", models.forest(7.0), sign=False)
    registry.set_stage("unsigned", version, "Production")
    host.wait_for("unsigned", version)
    assert host.score("unsigned", ZEROS).json() == {"predictions": [7.0]}


def test_a_version_that_is_signed_later_is_tried_again(host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
    """A refusal rests on something: when the tags change, the version is looked at anew."""
    version = shelf.add("late", models.constant(5.0), form="cloudpickle")
    signed = dict(registry.snapshot().models["late"].versions[version].tags)
    registry.set_version_tags("late", version, {tags.SIGNATURE: ""})
    registry.set_stage("late", version, "Production")
    eventually(lambda: host.tags("late", version).get(tags.STATE) == "refused")
    registry.set_version_tags("late", version, signed)
    host.wait_for("late", version)


def test_a_version_that_loads_for_long_is_waited_for(host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
    """Workers that load longer than a silent one is given are not taken for silent: they stay, and it is served."""
    seconds = host.settings.serving_prepare_seconds + 1.5
    before = {each.pid for each in host.workers()}
    version = shelf.add("slow", models.slow(6.0, seconds), form="cloudpickle")
    registry.set_stage("slow", version, "Production")
    host.wait_for("slow", version)
    assert host.score("slow", ZEROS).json() == {"predictions": [6.0]}
    assert {each.pid for each in host.workers()} == before


@pytest.mark.parametrize("how", ["stage", "stage without archiving", "alias"])
def test_going_back_while_it_bakes_loads_nothing(
    how: str, host: Host, shelf: Shelf, registry: MemoryRegistry, tmp_path: Path
) -> None:
    """The version before is in every worker's memory still: moved there as in MLflow's UI, it just answers."""
    name, loads = f"kept {how}", tmp_path / "loads"
    shelf.add(name, models.counted(1.0, loads), form="cloudpickle")
    shelf.add(name, models.constant(2.0))
    for number in (1, 2):
        registry.set_stage(name, number, "Production", archive_others=how == "stage")
        host.wait_for(name, number)
    before = loads.stat().st_size
    assert before >= 2  # a worker each, at least
    if how == "alias":
        registry.set_alias(name, "champion", 1)
    else:
        registry.set_stage(name, 2, "Archived")
        registry.set_stage(name, 1, "Production", archive_others=how == "stage")
    host.wait_for(name, 1)
    assert {host.score(name, ZEROS).json()["predictions"][0] for _ in range(20)} == {1.0}
    assert loads.stat().st_size == before


@contextmanager
def _paused(host: Host) -> Iterator[int]:
    """One worker, stopped by SIGSTOP."""
    pid = host.workers()[0].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        if any(each.pid == pid for each in host.workers()):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("fate", ["silent", "continued", "killed", "joined"])
def test_workers_may_come_and_go_between_prepare_and_commit(
    fate: str, host: Host, served: str, registry: MemoryRegistry
) -> None:
    """A stopped, killed or new worker neither hangs a promotion nor serves a stale generation afterwards."""
    now = 1 if host.serves(served, 1) else 2
    new = 3 - now
    before = host.board.committed
    with _paused(host) as pid:
        registry.set_stage(served, new, "Production", archive_others=True)
        eventually(lambda: host.board.target > host.board.committed, reason="nothing is being prepared")
        assert host.board.committed == before
        if fate == "continued":
            os.kill(pid, signal.SIGCONT)
        elif fate == "killed":
            os.kill(pid, signal.SIGKILL)
        elif fate == "joined":
            host.signal_server(signal.SIGTTIN)
        eventually(lambda: host.board.committed > before, reason="the promotion hangs")
        committed = host.board.committed
        load = Load([[]])
        load.answers[0] = [host.seen(served, ZEROS) for _ in range(60)]
    assert load.failed == []
    assert {each.version for each in load.all} == {new}
    assert min(each.generation for each in load.all) >= committed
    if fate == "joined":
        host.signal_server(signal.SIGTTOU)
    eventually(lambda: len(host.workers()) == 2 and all(each.loaded >= committed for each in host.workers()))
    if fate in ("silent", "killed"):
        assert pid not in [each.pid for each in host.workers()]
