"""What a server's processes take of memory, by how many versions they hold."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import urllib3

from benchmarks.capacity.figures import Memory
from benchmarks.capacity.kinds import Kind
from benchmarks.environments import Missing
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight, variables
from benchmarks.processes import PYTHON, free_port, memory_bytes, process
from cuelight.kit import files
from cuelight.kit.settings import Settings
from cuelight.kit.signing import SigningKey
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion
from cuelight.serving.following.follower import Follower
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.places import Places
from cuelight.serving.versions import image
from cuelight.serving.versions.store import Entry, ModelStore

_MIB, _WORKERS = 1 << 20, 2
_SERVED_SECONDS = 120.0
_ASKED = 8 * _WORKERS  # of each model, so that each worker has used it


def versions(kind: Kind, model: Model, folder: Path, numbers: Sequence[int]) -> Iterator[Memory]:
    """A server of two workers with more and more models: the same one under other names, each with files of its own."""
    home, port = folder / "home", free_port()
    home.mkdir(parents=True)
    chosen = {**variables(home, port, _WORKERS), **kind.more, "CUELIGHT_SERVING_CACHE_BYTES": "0"}
    file_mib = sum(each.stat().st_size for each in model.mlflow.rglob("*") if each.is_file()) / _MIB
    with ExitStack() as stack:
        server = stack.enter_context(process([PYTHON, "-m", "cuelight.cli", "serve"], chosen, folder / "serve.log"))
        _await(f"http://127.0.0.1:{port}/livez", server.pid)
        registry = MemoryRegistry()
        follower = _follower(registry, home)
        follower.start()
        stack.callback(follower.stop)
        there = 0
        for count in numbers:
            for number in range(there, count):
                _register(registry, model, f"{model.name}-{number}", home, folder)
            there = count
            _served(follower, count)
            for number in range(count):
                _ask(model, f"http://127.0.0.1:{port}", f"{model.name}-{number}")
            yield Memory(kind.name, count, _own(server.pid) / _MIB, memory_bytes(server.pid) / _MIB, file_mib)


class _Shelved(Preparation):
    """Tries the first version; the others are that one, and have its trial."""

    def __init__(self, store: ModelStore, *more: Any) -> None:
        super().__init__(more[0], store, *more[1:])
        self._shelf = store
        self._first: Entry | None = None
        self._tried = Fact()

    def attempt(self, version: ModelVersion, fact: Fact) -> Fact:
        """As `Preparation` does, or what came of the first."""
        entry = self._shelf.verified(fact.digest)
        if self._first is None:
            self._tried = super().attempt(version, fact)
            self._first = entry if self._tried.phase == Phase.READY else None
            return self._tried
        if image.beside(self._first.files).exists():
            shutil.copyfile(image.beside(self._first.files), image.beside(entry.files))
        files.replace(entry.trial, self._first.trial.read_bytes())
        return replace(self._tried, digest=fact.digest, signed_by=fact.signed_by)


def _follower(registry: MemoryRegistry, home: Path) -> Follower:
    chosen = Settings(home=home, registry_artifact_roots="file:")
    store = ModelStore(Places(chosen.serving_folder).store)
    return Follower(
        registry, chosen, _Shelved(store, registry, chosen, lambda _: []), Reporter(registry, lambda *_: None)
    )


def _register(registry: MemoryRegistry, model: Model, name: str, home: Path, folder: Path) -> None:
    """The model under that name, with a file more that says it: to the store that is another version."""
    source, run_id = folder / "sources" / name, f"{len(name):032x}"
    shutil.copytree(model.mlflow, source)
    (source / "name.txt").write_text(name)
    manifest = Manifest.of_folder(source, name, run_id)
    key = SigningKey.load_or_create(Settings(home=home).keys_folder)
    registry.create_model(name)
    signed = manifest.signed(key)
    version = registry.create_version(name, str(source), run_id, signed).version
    registry.set_stage(name, version, "Production")


def _await(url: str, pid: int) -> None:
    deadline = time.monotonic() + _SERVED_SECONDS
    with urllib3.PoolManager(retries=False, timeout=2.0) as pool:
        while time.monotonic() < deadline:
            try:
                if pool.request("GET", url).status == 200 and len(psutil.Process(pid).children()) >= _WORKERS:
                    return
            except urllib3.exceptions.HTTPError:
                pass  # it does not listen yet
            time.sleep(0.05)
    raise Missing("the server does not come up")


def _served(follower: Follower, count: int) -> None:
    wanted, deadline = f"{count} tracks of {count} models", time.monotonic() + _SERVED_SECONDS
    while count and wanted not in (said := follower.tick()):
        follower.pause()
        if time.monotonic() > deadline:
            raise Missing("the models are not served", said[:200])


def _ask(model: Model, url: str, name: str) -> None:
    with urllib3.PoolManager(retries=False, timeout=60.0) as pool:
        for turn in range(_ASKED):
            body = Cuelight().single(model, model.frame.iloc[turn : turn + 1])
            headers = {**body.headers, "Connection": "close"}  # so that all workers are asked
            answer = pool.request("POST", f"{url}/models/{name}/invocations", body=body.content, headers=headers)
            if answer.status != 200:
                raise Missing(f"{name} answers {answer.status}", json.dumps(asdict(body), default=str)[:100])


def _own(pid: int) -> float:
    """Bytes that a worker alone has, on average: what the server's two largest children do not share."""
    sizes = sorted((each.memory_full_info().uss for each in psutil.Process(pid).children()), reverse=True)
    return statistics.mean(sizes[:_WORKERS])
