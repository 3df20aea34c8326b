"""Canary, pins and shadow on real workers, set by tags as a person sets them in MLflow."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cuelight.journal.record import Prediction
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.assignment import is_canary
from tests.support.host import POOL, Host, eventually
from tests.support.journal import stored
from tests.support.models import ZEROS, Shelf, constant

KEYS = [f"user-{number}" for number in range(200)]


def _versions(host: Host, model: str) -> dict[str, int]:
    """Who answers each caller."""
    return {key: int(host.score(model, ZEROS, **{"X-Cuelight-Key": key}).headers["X-Model-Version"]) for key in KEYS}


def _shared(host: Host, model: str, percent: float) -> None:
    def settled() -> bool:
        found = host.generation().traffic.get(model)
        return (found.canary if found else 0.0) == percent

    eventually(settled, reason=f"{model} does not share {percent} %")


@pytest.fixture(scope="module")
def model(host: Host, shelf: Shelf, registry: MemoryRegistry) -> str:
    """A model with version 1 in Production and 2 in Staging, each answering its number."""
    for number, stage in ((1, "Production"), (2, "Staging")):
        shelf.add("shared", constant(float(number)))
        registry.set_stage("shared", number, stage)
        host.wait_for("shared", number, stage)
    return "shared"


def test_a_canary_is_raised_step_by_step(host: Host, registry: MemoryRegistry, model: str) -> None:
    """Each caller is where the hash puts him, on both workers; who was moved stays; at 0 all are back."""
    assert set(_versions(host, model).values()) == {1}
    shown = POOL.request("GET", f"{host.url}/models/{model}").json()["traffic"]
    assert shown == {"canary": 0.0, "shadow": 0.0, "control": 0.0, "why": "", "rollout": None}
    before: set[str] = set()
    for percent in (10.0, 20.0, 100.0):
        registry.set_model_tags(model, {"cuelight.canary": f"{percent:g}"})
        _shared(host, model, percent)
        for _ in range(2):  # on whichever worker it lands
            seen = {key for key, version in _versions(host, model).items() if version == 2}
            assert seen == {key for key in KEYS if is_canary(model, key, percent)}
            assert seen >= before
        before = seen
    registry.set_model_tags(model, {"cuelight.canary": "0"})
    _shared(host, model, 0.0)
    assert set(_versions(host, model).values()) == {1}


def test_without_a_key_the_prediction_id_decides(host: Host, registry: MemoryRegistry, model: str) -> None:
    """Exactly: whoever has the id can tell which arm it was; and about the share of requests."""
    registry.set_model_tags(model, {"cuelight.canary": "50"})
    _shared(host, model, 50.0)
    counts: Counter[str] = Counter()
    for _ in range(100):
        answer = host.score(model, ZEROS)
        canary = is_canary(model, answer.headers["X-Prediction-Id"], 50.0)
        assert answer.headers["X-Model-Version"] == ("2" if canary else "1")
        counts[answer.headers["X-Model-Version"]] += 1
    assert 20 < counts["2"] < 80
    registry.set_model_tags(model, {"cuelight.canary": "0"})
    _shared(host, model, 0.0)


def test_headers_pin(host: Host, model: str) -> None:
    """By number and by track on the plain URL, on the loop and through Flask; what is not there is named."""
    for way in ({}, {"Expect": "100-continue"}):
        assert host.score(model, ZEROS, **{"X-Model-Version": "2", **way}).json() == {"predictions": [2.0]}
        assert host.score(model, ZEROS, **{"X-Model-Track": "Staging", **way}).json() == {"predictions": [2.0]}
        missing = host.score(model, ZEROS, **{"X-Model-Version": "7", **way})
        assert (missing.status, "version 1 in Production" in missing.json()["message"]) == (404, True)
        assert host.score(model, ZEROS, **{"X-Model-Version": "two", **way}).status == 400


def test_the_next_version_starts_at_nothing(host: Host, shelf: Shelf, registry: MemoryRegistry, model: str) -> None:
    """A canary's share is for the version that it was set for, and the tag says so."""
    registry.set_model_tags(model, {"cuelight.canary": "100"})
    _shared(host, model, 100.0)
    version = shelf.add(model, constant(3.0))
    registry.set_stage(model, version, "Staging")
    host.wait_for(model, version, "Staging")
    _shared(host, model, 0.0)
    assert set(_versions(host, model).values()) == {1}
    eventually(lambda: registry.snapshot().models[model].tags["cuelight.canary"] == "0", reason="the tag stays")
    eventually(lambda: ("traffic", model) in {(line[0], line[1]) for line in host.history})


def test_a_shadow_is_heard_by_the_journal_only(host: Host, registry: MemoryRegistry, model: str) -> None:
    """Answers are Production's; what Staging would have said is on record, under the same prediction id."""
    staging = host.generation().tracks[model, Track.STAGING].id.version
    registry.set_model_tags(model, {"cuelight.shadow": "100"})
    eventually(lambda: host.generation().traffic.get(model) == Traffic(0.0, 100.0))
    answers = [host.score(model, ZEROS) for _ in range(20)]
    answers += [host.score(model, ZEROS, Expect="100-continue") for _ in range(5)]
    assert {answer.headers["X-Model-Version"] for answer in answers} == {"1"}
    ids = {answer.headers["X-Prediction-Id"] for answer in answers}

    def shadows() -> list[Prediction]:
        found = [each for each in stored(host.settings.journal_folder) if isinstance(each, Prediction)]
        return [each for each in found if each.arm == "shadow"]

    eventually(lambda: {each.prediction_id for each in shadows()} == ids, reason="not all are mirrored")
    assert {(each.version, each.status, each.track) for each in shadows()} == {(staging, 200, "Staging")}
    assert {json.loads(each.response)["predictions"][0] for each in shadows()} == {float(staging)}
    host.score(model, {"instances": []})  # what fails is not mirrored
    host.score(model, ZEROS, path="/stages/Staging")
    registry.set_model_tags(model, {"cuelight.shadow": "0"})
    eventually(lambda: model not in host.generation().traffic)
    host.score(model, ZEROS)
    assert len(shadows()) == len(ids)
    counted = f'cuelight_requests_total{{arm="shadow",model="{model}",status="200",track="Staging"'
    eventually(lambda: counted in POOL.request("GET", f"{host.url}/metrics").data.decode())
