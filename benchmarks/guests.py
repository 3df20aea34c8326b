"""How callers of a model on a track fare while versions on none are asked for, loaded and sent away beside it.

200 versions of the forest, memory for 20, and callers who ask for them by Zipf's law: the n-th most popular one 1/n
times as often as the first. Others ask as often for a few that stay in memory: so that it shows what loading costs.
"""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import numpy as np
import psutil
import urllib3

from benchmarks import arrivals, models
from benchmarks.environments import Missing
from benchmarks.goals import FEW, MANY, NOTHING
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight, make_home, variables
from benchmarks.plan import rotated
from benchmarks.processes import free_port, process
from benchmarks.records import Asking
from benchmarks.run import Run
from benchmarks.wire import Body
from benchmarks.wrk import Load
from cuelight.registry.manifest import Manifest
from cuelight.serving.host import repertoire
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import Listed, Listing, Repertoire
from cuelight.serving.versions import image, trial
from cuelight.serving.versions.store import ModelStore

_FIT, _FEW = 20, 10
_STEADY, _ASKED = 200.0, 10.0  # requests a second
_MIB = 1 << 20
_READY_SECONDS = 60.0
_COUNTED = ('calls_total{met="hit"}', "loads_total", "evictions_total")


def measure(run: Run, model: Model, folder: Path) -> Iterator[None]:
    """Rounds of each kind; yields whenever something was added."""
    run.tell(f"{model.name}: while versions on no track are asked for")
    try:
        make_home(folder / "home", model)
        other = models.make(models.FOREST, folder)
        size = _shelve(folder / "home", other, run.plan.guest_versions)
        budget = _FIT * size
        run.results.conditions["guests"] = {
            "rounds": run.plan.guest_rounds,
            "seconds": run.plan.guest_seconds,
            "versions": run.plan.guest_versions,
            "version_mib": round(size / _MIB, 1),
            "budget_mib": round(budget / _MIB),
        }
        with _server(folder / "home", budget) as (url, annex):
            yield from _rounds(run, _Callers(url, model, other, run.plan.guest_versions), annex)
    except Missing as missing:
        run.leave_out("versions on no track", missing.reason, missing.detail)


def _rounds(run: Run, callers: _Callers, annex: psutil.Process) -> Iterator[None]:
    start, seconds = annex.memory_info().rss, run.plan.guest_seconds
    for kind in (MANY, FEW):
        callers.both(kind, seconds, seed=0)
    for turn in range(run.plan.guest_rounds):
        for kind in rotated((NOTHING, FEW, MANY), turn):
            if kind == FEW:
                callers.both(FEW, seconds, seed=0)  # they come into memory now
            before = callers.counts()
            with _watched(annex) as seen:
                steady, asked = callers.both(kind, seconds, seed=turn + 1)
            hits, loads, evictions = (now - then for now, then in zip(callers.counts(), before, strict=True))
            figures = steady.p50_ms, steady.p99_ms, asked.requests, asked.p50_ms, asked.p99_ms
            failed, grown = steady.failed + asked.failed, (max(seen) - start) / _MIB
            run.results.askings.append(Asking(kind, turn, *figures, failed, hits, loads, evictions, grown))
        yield


def _shelve(home: Path, model: Model, versions: int) -> int:
    """Put versions into the store, tried, as the follower would; answers with what one takes in memory (bytes).

    They are the same model, each with a file more that says its number: to the store that is another version.
    """
    places = Places(home / "serving")
    store, listings = ModelStore(places.store), {}
    made: tuple[trial.Verdict, Path] | None = None
    for number in range(1, versions + 1):
        draft = store.draft()
        shutil.copytree(model.mlflow, draft, dirs_exist_ok=True)
        (draft / "number.txt").write_text(str(number))
        entry = store.admit(draft, Manifest.of_folder(draft, model.name, f"{number:032x}"))
        digest = entry.manifest.digest
        if made:
            shutil.copyfile(made[1], image.beside(entry.files))
        else:
            made = trial.run(entry.files, digest, "benchmark", [], 120.0, 8 << 30), image.beside(entry.files)
        entry.trial.write_bytes(msgspec.json.encode(asdict(made[0])))
        listings[number] = Listing(number, 0, phase=Phase.READY, digest=digest, signed_by="benchmark")
    repertoire.write(places.repertoire, Repertoire({model.name: Listed(listings)}))
    assert made
    return made[0].resident_bytes


@contextmanager
def _server(home: Path, budget: int) -> Iterator[tuple[str, psutil.Process]]:
    """A server of one worker, and its annex."""
    port = free_port()
    chosen = {**variables(home, port, 1), "CUELIGHT_SERVING_CACHE_BYTES": str(budget)}
    with process([Cuelight().python, "-m", "cuelight.cli", "serve"], chosen, home / "serve.log") as started:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + _READY_SECONDS
        while not _is_ready(url) or len(psutil.Process(started.pid).children()) < 2:
            if time.monotonic() > until:
                raise Missing("the server did not come up")
            time.sleep(0.1)
        time.sleep(1.0)
        yield url, max(psutil.Process(started.pid).children(), key=lambda each: each.pid)


def _is_ready(url: str) -> bool:
    try:
        return bool(urllib3.request("GET", f"{url}/readyz", timeout=2.0, retries=False).status == 200)
    except urllib3.exceptions.HTTPError:
        return False


class _Callers:
    """Those of the model on a track, and those of the others, each kind in a process of its own."""

    def __init__(self, url: str, steady: Model, asked: Model, versions: int) -> None:
        self._url, self._versions = url, versions
        self._steady = [Cuelight().single(steady, steady.frame.iloc[i : i + 1]) for i in range(64)]
        self._asked = Cuelight().single(asked, asked.frame.head(1)), f"/models/{asked.name}/versions"

    def both(self, beside: str, seconds: float, seed: int) -> tuple[Load, Load]:
        """Callers of the model on a track, and beside them the others."""
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
            others = self._drawn(beside, seed)
            steady = processes.submit(arrivals.run, self._url, self._steady, _STEADY, seconds, seed)
            asked = processes.submit(arrivals.run, self._url, others, _ASKED, seconds, seed) if others else None
            return steady.result(), asked.result() if asked else Load(0, 0.0, 0.0, 0.0, 0)

    def _drawn(self, beside: str, seed: int) -> list[Body]:
        """Requests in the order in which they are made; which version is how popular was drawn once."""
        if beside == NOTHING:
            return []
        row, path = self._asked
        numbers = np.random.default_rng(7).permutation(self._versions)[: _FEW if beside == FEW else None] + 1
        weights = 1 / np.arange(1, len(numbers) + 1)
        drawn = np.random.default_rng(seed).choice(numbers, 10_000, p=weights / weights.sum())
        return [replace(row, path=f"{path}/{number}/invocations") for number in drawn]

    def counts(self) -> list[int]:
        """Hits, loads and evictions so far."""
        page = urllib3.request("GET", f"{self._url}/metrics", timeout=10.0).data.decode().splitlines()
        lines = dict(line.rsplit(" ", 1) for line in page if not line.startswith("#"))
        return [int(float(lines[f"cuelight_guest_{each}"])) for each in _COUNTED]


@contextmanager
def _watched(watched: psutil.Process) -> Iterator[list[int]]:
    """Its resident memory in bytes, ten times a second."""
    seen, over = [watched.memory_info().rss], threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(watched.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
