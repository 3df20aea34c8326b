"""The data plane stands alone: it goes on without a registry, from disk, and loses no record when it is killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.host.places import Places
from tests.support import models
from tests.support.host import POOL, Host, eventually, running
from tests.support.load import Load, steady
from tests.support.models import ZEROS, Shelf


@pytest.fixture(scope="module")
def served(host: Host, shelf: Shelf, registry: MemoryRegistry) -> str:
    """A model in Production."""
    shelf.add("sturdy", models.constant(1.0))
    registry.set_stage("sturdy", 1, "Production")
    host.wait_for("sturdy", 1)
    return "sturdy"


def test_scoring_goes_on_while_the_registry_is_down(host: Host, served: str, registry: MemoryRegistry) -> None:
    """A registry that fails changes nothing of what is served."""
    registry.down = True
    try:
        with steady(host.url, served, ZEROS, connections=2) as load:
            stale = eventually(lambda: _staleness(host) > 1.0)
        assert stale
        assert load.failed == []
        assert host.serves(served, 1)
    finally:
        registry.down = False


def test_a_restart_without_registry_serves_from_disk(host: Host, served: str, registry: MemoryRegistry) -> None:
    """Server and follower start while the registry is down: the last good version answers."""
    registry.down = True
    try:
        host.stop()
        host.start_server()
        host.start_follower()
        answer = host.score(served, ZEROS)
        assert (answer.status, answer.headers["X-Model-Version"]) == (200, "1")
    finally:
        registry.down = False


def test_a_file_altered_in_the_store_is_not_loaded(registry: MemoryRegistry, tmp_path: Path) -> None:
    """A version whose files changed on disk is not served after a restart, and the message says so."""
    with running(tmp_path / "home", registry, serving_workers=1) as other:
        other_shelf = Shelf(registry, tmp_path / "src", other.settings.keys_folder)
        other_shelf.add("tampered", models.constant(3.0))
        registry.set_stage("tampered", 1, "Production")
        other.wait_for("tampered", 1)
        other.stop_follower()
        other.stop_server()
        models.alter(next(other.settings.serving_folder.glob("store/*/files")))
        other.launch_server()
        answer = eventually(lambda: _answer(other, "tampered"))
        assert answer.status == 503
        eventually(lambda: "altered" in other.score("tampered", ZEROS).json()["message"])
        assert not other.ready()
    registry.set_stage("tampered", 1, "Archived")


def test_the_journal_has_every_answered_request_once_when_workers_are_killed(host: Host, served: str) -> None:
    """Workers killed by SIGKILL in the middle of load: each request that was answered is in the journal, once."""
    with steady(host.url, served, ZEROS, connections=4, pause=0.0) as load:
        for _ in range(3):
            _kill_a_worker(host, load)
    answered = [each.prediction_id for each in load.all if each.status == 200]
    assert len(answered) > 300
    recorded = _recorded(host, served, set(answered))
    assert set(answered) <= recorded.keys()
    assert {recorded[each] for each in answered} == {1}


def test_metrics_are_right_when_workers_are_killed(host: Host, served: str) -> None:
    """Counters of all workers together never go back, and count each answer; gauges of the dead are gone."""
    before = _page(host)
    with steady(host.url, served, ZEROS, connections=2, pause=0.0) as load:
        pages = [before]
        for _ in range(2):
            _kill_a_worker(host, load)
            pages.append(_page(host))
    pages.append(eventually(lambda: _counting(host, _requests(served), before, load)))
    counters = [name for name in before if name.partition("{")[0].endswith(("_total", "_count", "_bucket", "_sum"))]
    assert len(counters) > 100
    for earlier, later in pairwise(pages):
        assert [name for name in counters if later[name] < earlier[name]] == []
    answered = sum(each.status == 200 for each in load.all)
    counted = pages[-1][_requests(served)] - before[_requests(served)]
    assert answered <= counted <= answered + 8  # what was answered for callers whose connection broke
    gauges = ("cuelight_resident_versions", "cuelight_resident_bytes", "cuelight_workers")
    eventually(lambda: {_page(host)[each] == before[each] for each in gauges} == {True})
    assert pages[-1]["cuelight_loads_total"] > before["cuelight_loads_total"]
    assert before["cuelight_memory_bytes"] > 1e7
    live = {each.pid for each in host.workers()}
    files = Places(host.settings.serving_folder).metrics.glob("gauge_live*.db")
    assert len({int(path.stem.rpartition("_")[2]) for path in files} - live) <= 1  # the annex is on no board


def test_labels_reach_the_journal(host: Host, served: str) -> None:
    """A label sent for a prediction is joined to its row."""
    answer = host.score(served, ZEROS)
    prediction = answer.headers["X-Prediction-Id"]
    url = f"{host.url}/models/{served}/feedback"
    taken = POOL.request("POST", url, json={"prediction_id": prediction, "row": 0, "label": 1.5})
    assert (taken.status, taken.json()) == (202, {"accepted": 1})

    def joined() -> bool:
        Compactor(host.settings.journal_folder).run_once()
        frame = Journal(host.settings.journal_folder).labelled(Query(served))
        return prediction in set(frame["prediction_id"]) if len(frame) else False

    eventually(joined)
    frame = Journal(host.settings.journal_folder).labelled(Query(served))
    row = frame[frame["prediction_id"] == prediction].iloc[0]
    assert (row["output.prediction"], row["label"], row["input.a"]) == (1.0, 1.5, 0.0)


def _kill_a_worker(host: Host, load: Load) -> None:
    """After another hundred answers, and wait until it is replaced."""
    count = len(load.all)
    eventually(lambda: len(load.all) > count + 100)
    victim = host.workers()[0].pid
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len({each.pid for each in host.workers()} - {victim}) == 2)


def _recorded(host: Host, model: str, wanted: set[str]) -> Counter[str]:
    """How often each prediction id is in the compacted journal, once all wanted ones are."""
    journal, seen = Journal(host.settings.journal_folder), Counter[str]()

    def complete() -> bool:
        Compactor(host.settings.journal_folder).run_once()
        seen.clear()
        seen.update(journal.rows(Query(model))["prediction_id"])
        return wanted <= seen.keys()

    eventually(complete, reason="answered requests are missing from the journal")
    return seen


def _answer(host: Host, model: str) -> Any:
    """What a server says, once it listens."""
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        return host.score(model, ZEROS)
    return None


def _page(host: Host) -> dict[str, float]:
    """The samples of the metrics page by their names with labels."""
    answer = POOL.request("GET", f"{host.url}/metrics")
    lines = answer.data.decode().splitlines()
    assert answer.status == 200, lines
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines if each[0] != "#")}


def _counting(host: Host, name: str, before: dict[str, float], load: Load) -> dict[str, float] | None:
    """The page, once it has every answer."""
    page = _page(host)
    return page if page[name] - before[name] >= sum(each.status == 200 for each in load.all) else None


def _requests(model: str) -> str:
    labels = f'arm="champion",model="{model}",status="200",track="Production",version="1"'
    return f"cuelight_requests_total{{{labels}}}"


def _staleness(host: Host) -> float:
    return _page(host)["cuelight_registry_staleness_seconds"]
