"""Cuelight itself: its scoring server on a home that a follower has made ready, the journal on unless said."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from benchmarks import wire
from benchmarks.environments import Missing
from benchmarks.models import Model
from benchmarks.peers.peer import Peer, Place, Running
from benchmarks.processes import free_port, process
from benchmarks.wire import Body, split, table, tensors
from cuelight.kit.settings import Settings
from cuelight.kit.signing import SigningKey
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.following.follower import Follower
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore

_SERVED_SECONDS = 120.0


class Cuelight(Peer):
    """As it comes."""

    name = "Cuelight"
    settings = "as it comes: journal on, whatever way of predicting the trial chose; no follower while measured"
    package = "cuelight"
    more: Mapping[str, str] = {}

    def command(self, place: Place) -> list[str]:
        home, made = place.folder / "home", place.model.folder / "home"
        if not made.exists():
            make_home(made, place.model)
        shutil.copytree(made, home)
        return [self.python, "-m", "cuelight.cli", "serve"]

    def variables(self, place: Place) -> Mapping[str, str]:
        return {**variables(place.folder / "home", place.port, place.workers), **self.more}

    def single(self, model: Model, frame: Any) -> Body:
        return split(frame, f"/models/{model.name}/invocations")

    def batches(self, model: Model, frame: Any) -> list[Body]:
        path, inference = f"/models/{model.name}/invocations", f"/v2/models/{model.name}/infer"
        tables = [table(frame, path, each) for each in (wire.CSV, wire.PARQUET, wire.ARROW)]
        return [split(frame, path), *tables, tensors(frame, inference), tensors(frame, inference, binary=True)]

    def way(self, running: Running) -> str:
        answer = urllib3.request("GET", f"{running.url}/models/{running.model.name}", timeout=10.0)
        return str(answer.json()["tracks"]["Production"].get("way", ""))

    @contextmanager
    def start(self, model: Model, workers: int, folder: Path) -> Iterator[Running]:
        made = model.folder / "home"
        if not made.exists():  # not a part of the start: the other servers find their model on disk too
            make_home(made, model)
        with super().start(model, workers, folder) as running:
            yield running


class CuelightUnrecorded(Cuelight):
    """Without the journal."""

    name = "Cuelight, journal off"
    settings = "`journal.record = false`"
    most_workers = 1
    more: Mapping[str, str] = {"CUELIGHT_JOURNAL_RECORD": "false"}


class CuelightPlain(Cuelight):
    """With the model's own predict."""

    name = "Cuelight, compile off"
    settings = "`serving.compile = false`: the model's own `predict`"
    most_workers = 1
    more: Mapping[str, str] = {"CUELIGHT_SERVING_COMPILE": "false"}

    def batches(self, model: Model, frame: Any) -> list[Body]:  # noqa: ARG002  its part is single rows
        return []


def variables(home: Path, port: int, workers: int) -> dict[str, str]:
    """What the scoring server is told."""
    chosen = {"HOME": str(home), "SERVING_PORT": str(port), "SERVING_WORKERS": str(workers), "LOG_LEVEL": "warning"}
    return {f"CUELIGHT_{name}": value for name, value in chosen.items()}


def make_home(home: Path, model: Model) -> float:
    """Let a follower fetch, try and commit the model under a server of one worker; how long that took in all, in s.

    Raises:
        Missing: it is not served in time.
    """
    home.mkdir(parents=True)
    port = free_port()
    registry, began = MemoryRegistry(), time.monotonic()
    register(registry, model, home)
    registry.set_stage(model.name, 1, "Production")
    with process([Cuelight().python, "-m", "cuelight.cli", "serve"], variables(home, port, 1), home / "serve.log"):
        follower = follow(registry, home)
        follower.start()
        try:
            while "1 tracks of 1 models" not in (said := follower.tick()):
                follower.pause()
                if time.monotonic() - began > _SERVED_SECONDS:
                    raise Missing(f"{model.name} is not served: {said[:200]}")
        finally:
            follower.stop()
        return time.monotonic() - began


def register(registry: MemoryRegistry, model: Model, home: Path, number: int = 1) -> int:
    """One more version of the model, signed by the home's key; answers with its number."""
    run_id = f"{number:032x}"
    manifest = Manifest.of_folder(model.mlflow, model.name, run_id)
    key = SigningKey.load_or_create(Settings(home=home).keys_folder)
    registry.create_model(model.name)
    signed = manifest.signed(key)
    return registry.create_version(model.name, str(model.mlflow), run_id, signed).version


def follow(registry: MemoryRegistry, home: Path, **settings: Any) -> Follower:
    """A follower of that registry for the server of that home."""
    chosen = Settings(home=home, registry_artifact_roots="file:", **settings)
    store = ModelStore(Places(chosen.serving_folder).store)
    preparation = Preparation(registry, store, chosen, lambda _: [])
    return Follower(registry, chosen, preparation, Reporter(registry, lambda *_: None))
