"""Versions on no track: fetched and loaded when somebody asks for them, in the annex, beside real workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from cuelight.journal.record import Prediction
from cuelight.registry import tags
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.mlflow_rest import MlflowRegistry
from tests.support import models
from tests.support.host import POOL, Host, eventually, running
from tests.support.journal import stored
from tests.support.load import steady
from tests.support.models import ZEROS, Shelf, constant, heavy
from tests.support.registered import Registrar

VERSIONS = 8
BUDGET = 12_000_000  # bytes: some of the heavy ones, and what one more takes while it loads
TENSOR = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.0, 0.0]}]}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Iterator[Host]:
    """A follower, two workers, and an annex with room for few of the versions here."""
    with running(tmp_path_factory.mktemp("host"), registry, serving_cache_bytes=BUDGET) as host:
        yield host


@pytest.fixture(scope="module")
def model(host: Host, shelf: Shelf, registry: MemoryRegistry) -> str:
    """Eight versions, of which 1 is in Production; 3 has the alias `old`. Each answers its number."""
    for number in range(1, VERSIONS + 1):
        shelf.add("past", heavy(float(number), 2))
    registry.set_alias("past", "old", 3)
    registry.set_stage("past", 1, "Production")
    host.wait_for("past", 1)
    return "past"


def _patiently(host: Host, model: str, path: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
    """The answer for one who comes again as long as he hears: not yet."""

    refused: list[urllib3.BaseHTTPResponse] = []

    def ask() -> Any:
        answer = host.score(model, ZEROS, path=path, **headers)
        if answer.status != 503:
            return answer
        refused.append(answer)
        return None

    answer: urllib3.BaseHTTPResponse = eventually(ask)
    assert all(int(each.headers["Retry-After"]) >= 1 for each in refused)
    return answer


def _add(host: Host, shelf: Shelf, model: str, estimator: Any, **how: Any) -> int:
    """Register a version, and wait until callers may ask for it."""
    number = shelf.add(model, estimator, **how)
    eventually(lambda: POOL.request("GET", f"{host.url}/v2/models/{model}/versions/{number}/ready").status != 404)
    return number


def _figure(host: Host, name: str) -> float:
    lines = POOL.request("GET", f"{host.url}/metrics").data.decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"cuelight_guest_{name} "))


def _in_memory(host: Host, model: str) -> set[int]:
    return {each["version"] for each in POOL.request("GET", f"{host.url}/models/{model}").json()["on_demand"]}


def _annex(host: Host) -> int:
    """The process that is no worker on the board, once there is no other."""
    master = psutil.Process(host.workers()[0].pid).parent()
    assert master is not None

    def alone() -> list[int]:
        found = [*({each.pid for each in master.children()} - {each.pid for each in host.workers()})]
        return found if len(found) == 1 else []

    return int(eventually(alone)[0])


def test_a_version_on_no_track_answers(host: Host, model: str) -> None:
    """By number and alias, in the URL and by header, on the loop and through Flask, and by the other protocol."""
    assert _patiently(host, model, "/versions/2").json() == {"predictions": [2.0]}
    assert _patiently(host, model, "/aliases/old").json() == {"predictions": [3.0]}
    for way in ({}, {"Expect": "100-continue"}):
        answer = _patiently(host, model, **{"X-Model-Version": "4", "X-Request-Id": "mine", **way})
        assert (answer.status, answer.json()) == (200, {"predictions": [4.0]})
        found = [answer.headers[f"X-{name}"] for name in ("Model-Name", "Model-Version", "Model-Track", "Request-Id")]
        assert found == [model, "4", "", "mine"]
    answer = POOL.request("POST", f"{host.url}/v2/models/{model}/versions/4/infer", json=TENSOR)
    assert (answer.json()["model_version"], answer.json()["outputs"][0]["data"]) == ("4", [4.0])
    page = POOL.request("GET", f"{host.url}/v2/models/{model}/versions/4").json()
    assert (page["platform"], [each["name"] for each in page["inputs"]]) == ("mlflow_sklearn", ["a", "b"])
    assert POOL.request("GET", f"{host.url}/v2/models/{model}/versions/4/ready").status == 200


def test_a_readiness_probe_has_a_version_brought(host: Host, model: str) -> None:
    """By `/v2`: not ready at first, and after a while it is, without any request for a prediction."""
    url = f"{host.url}/v2/models/{model}/versions/5/ready"
    assert POOL.request("GET", url).status == 503
    eventually(lambda: POOL.request("GET", url).status == 200)


def test_what_is_not_there_is_answered_with_what_is(host: Host, model: str, shelf: Shelf) -> None:
    """Number, alias and model; and a model that has nothing on a track has versions all the same."""
    missing = host.score(model, ZEROS, path="/versions/77")
    assert missing.status == 404
    assert missing.json()["message"] == (
        "Model 'past' has no version 77. Served: version 1 in Production. Its versions: 8, 7, 6, 5, 4, 3, 2, 1."
    )
    assert "Its aliases: old." in host.score(model, ZEROS, path="/aliases/new").json()["message"]
    assert host.score("nowhere", ZEROS, path="/versions/1").status == 404
    shelf.add("untracked", constant(1.5))
    eventually(lambda: host.score("untracked", ZEROS).json()["message"].endswith("Its versions: 1."))
    assert _patiently(host, "untracked", "/versions/1").json() == {"predictions": [1.5]}
    assert POOL.request("GET", f"{host.url}/models/untracked").json()["tracks"] == {}


def test_least_recently_used_leaves(host: Host, model: str) -> None:
    """Memory is for a few of them; all answer right, again and again, and one that is often asked for stays."""
    for number in range(2, VERSIONS + 1):
        _patiently(host, model, f"/versions/{number}")
    evicted, loaded = _figure(host, "evictions_total"), _figure(host, "loads_total")
    for _ in range(2):
        for number in range(3, VERSIONS + 1):
            for each in (number, 2):
                assert _patiently(host, model, f"/versions/{each}").json() == {"predictions": [float(each)]}
            assert _figure(host, "bytes") <= BUDGET
    eventually(lambda: 2 <= len(_in_memory(host, model)) <= 4)
    eventually(lambda: _figure(host, "evictions_total") > evicted + 5)
    eventually(lambda: _figure(host, "loads_total") > loaded + 5)
    assert 2 in _in_memory(host, model)


def test_the_first_of_many_loads_it_for_all(host: Host, model: str, shelf: Shelf) -> None:
    """Thirty at once, on both workers: one load, no failure; and each answer is on record, once."""
    number = _add(host, shelf, model, constant(99.0))
    _patiently(host, model, f"/versions/{number}")
    os.kill(_annex(host), signal.SIGKILL)
    before = _figure(host, "loads_total")
    answers: list[urllib3.BaseHTTPResponse] = []
    threads = [
        threading.Thread(target=lambda: answers.append(_patiently(host, model, f"/versions/{number}")))
        for _ in range(30)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.json() for each in answers] == [{"predictions": [99.0]}] * 30
    eventually(lambda: _figure(host, "loads_total") > before)
    assert _figure(host, "loads_total") == before + 1
    ids = sorted(each.headers["X-Prediction-Id"] for each in answers)

    def recorded() -> list[str]:
        found = [each for each in stored(host.settings.journal_folder) if isinstance(each, Prediction)]
        return sorted(
            each.prediction_id
            for each in found
            if (each.model, each.version, each.arm, each.status) == (model, number, "pinned", 200)
            and each.prediction_id in ids
        )

    eventually(lambda: recorded() == ids, reason="the journal has other answers")


BROKEN: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "raises": (models.raising, "raised ValueError", {}),
    "not signed": (lambda: constant(1.0), "not signed", {"form": "cloudpickle", "sign": False}),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_version_is_refused_with_its_reason(kind: str, host: Host, model: str, shelf: Shelf) -> None:
    """To callers, whichever way they come, and by its tags; it is no promotion, and nobody is alarmed."""
    make, reason, how = BROKEN[kind]
    number = _add(host, shelf, model, make(), **how)
    for way in ({}, {"Expect": "100-continue"}):
        answer = _patiently(host, model, **{"X-Model-Version": str(number), **way})
        assert (answer.status, answer.json()["error_code"]) == (409, "REFUSED")
        assert reason in answer.json()["message"]
    eventually(lambda: host.tags(model, number).get(tags.STATE) == "refused")
    assert reason in host.tags(model, number)[tags.REASON]
    assert ("refused", model, number) not in [line[:3] for line in host.history]
    # A worker hears of it a moment later than the other.
    eventually(lambda: POOL.request("GET", f"{host.url}/v2/models/{model}/versions/{number}/ready").status == 409)


def test_a_version_that_is_signed_later_is_tried_again(
    host: Host, model: str, shelf: Shelf, registry: MemoryRegistry
) -> None:
    """When its tags change, whoever comes again gets it."""
    number = _add(host, shelf, model, constant(40.0), form="cloudpickle")
    signed = dict(registry.snapshot().models[model].versions[number].tags)
    registry.set_version_tags(model, number, {tags.SIGNATURE: ""})
    eventually(lambda: host.score(model, ZEROS, path=f"/versions/{number}").status == 409)
    registry.set_version_tags(model, number, signed)
    eventually(lambda: host.score(model, ZEROS, path=f"/versions/{number}").status == 200)


def test_a_deleted_version_is_gone(host: Host, model: str, shelf: Shelf, registry: MemoryRegistry) -> None:
    """From memory, too."""
    number = _add(host, shelf, model, constant(50.0))
    assert _patiently(host, model, f"/versions/{number}").status == 200
    registry.delete_version(model, number)
    eventually(lambda: host.score(model, ZEROS, path=f"/versions/{number}").status == 404)
    eventually(lambda: number not in _in_memory(host, model))


def test_a_version_goes_onto_a_track_and_off_it_again(
    host: Host, model: str, shelf: Shelf, registry: MemoryRegistry
) -> None:
    """Whoever asks for it by its number notices nothing; meanwhile it takes no room in the annex."""
    number = _add(host, shelf, model, constant(60.0))
    _patiently(host, model, f"/versions/{number}")
    with steady(f"{host.url}", f"{model}/versions/{number}", ZEROS, connections=2, pause=0.01) as load:
        registry.set_stage(model, number, "Staging")
        host.wait_for(model, number, "Staging")
        eventually(lambda: number not in _in_memory(host, model))
        registry.set_stage(model, number, "Archived")
        eventually(lambda: not host.serves(model, number, "Staging"))
        eventually(lambda: number in _in_memory(host, model))
    assert load.failed == []
    assert {each.version for each in load.all} == {number}


@pytest.mark.parametrize("who", ["annex", "worker"])
def test_a_process_that_is_killed_is_replaced(who: str, host: Host, model: str) -> None:
    """The annex costs Production's callers nothing; a worker costs the annex nothing; both come back."""
    _patiently(host, model, "/versions/2")
    annex, workers = _annex(host), {each.pid for each in host.workers()}
    with steady(host.url, model, ZEROS, connections=2, pause=0.01) as load:
        victim = annex if who == "annex" else min(workers)
        os.kill(victim, signal.SIGKILL)
        assert _patiently(host, model, "/versions/2").json() == {"predictions": [2.0]} if who == "annex" else True
        eventually(lambda: len({each.pid for each in host.workers()} - {victim}) == 2)
    assert _patiently(host, model, "/versions/2").json() == {"predictions": [2.0]}
    if who == "annex":
        assert load.failed == []
        assert {each.pid for each in host.workers()} == workers
    assert (_annex(host) == annex) == (who == "worker")


def test_without_a_registry_the_store_is_enough(host: Host, model: str, shelf: Shelf, registry: MemoryRegistry) -> None:
    """After a restart: what was fetched once is loaded; what was not is refused with the reason, for now."""
    _patiently(host, model, "/versions/6")
    number = shelf.add(model, constant(70.0))
    eventually(lambda: f"Its versions: {number}, " in host.score(model, ZEROS, path="/versions/777").json()["message"])
    registry.down = True
    try:
        host.stop()
        host.start_server()
        host.start_follower()
        assert _patiently(host, model, "/versions/6").json() == {"predictions": [6.0]}
        answer = host.score(model, ZEROS, path=f"/versions/{number}")
        assert answer.status == 503
    finally:
        registry.down = False
    assert _patiently(host, model, f"/versions/{number}").json() == {"predictions": [70.0]}


@pytest.mark.server
def test_what_mlflow_has_is_there(mlflow_server: str, tmp_path: Path) -> None:
    """Registered in a real MLflow, in no stage: by number and by alias; once it is deleted, no more."""
    with running(tmp_path / "home", MlflowRegistry(mlflow_server), serving_workers=1) as host:
        registrar = Registrar(mlflow_server, host.settings.keys_folder)
        first, second = registrar.add("asked", 1.0), registrar.add("asked", 2.0)
        registrar.registry.set_alias("asked", "blue", second)
        eventually(lambda: "Its versions: 2, 1." in host.score("asked", ZEROS).json()["message"])
        assert _patiently(host, "asked", f"/versions/{first}").json() == {"predictions": [1.0]}
        assert _patiently(host, "asked", "/aliases/blue").json() == {"predictions": [2.0]}
        registrar.registry.delete_version("asked", first)
        eventually(lambda: host.score("asked", ZEROS, path=f"/versions/{first}").status == 404)
