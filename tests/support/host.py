"""One serving host for tests: a follower in this process, and gunicorn workers as real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import urllib3

from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings
from cuelight.registry.edit_feed import Feed
from cuelight.registry.port import Registry
from cuelight.registry.tracks import alias_map
from cuelight.serving.following.authors import attributed
from cuelight.serving.following.follower import Follower
from cuelight.serving.following.herald import Herald
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.recent import recent_requests
from cuelight.serving.following.reporter import Recorder, Reporter
from cuelight.serving.host.board import Board, Worker
from cuelight.serving.host.company import Company
from cuelight.serving.host.deployment import Deployment, Generations
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore
from tests.support import trials
from tests.support.load import Seen, steady
from tests.support.ports import free_port

POOL = urllib3.PoolManager(retries=False, timeout=30.0)


def eventually(what: Callable[[], Any], seconds: float = 120.0, reason: str = "") -> Any:
    """Wait until `what()` is true, and return it; fail with `reason` after `seconds`, which are for slow machines.

    What it raises means: not yet. What must hold at every look is no part of it.
    """
    began = time.monotonic()
    while True:
        trouble: Exception | None = None
        try:
            if value := what():
                return value
        except Exception as error:  # one refused connection, or one missing entry, decides nothing
            trouble = error
        waited = time.monotonic() - began
        if waited >= seconds:
            raise AssertionError(reason or f"not true within {seconds} s: {what}") from trouble
        time.sleep(min(0.02 + waited / 20, 0.1))  # who waits long leaves the cores to those who are waited for


class Host:
    """A serving host over `registry`; `feed` may tell it edits, and `history` collects what the follower records."""

    def __init__(self, home: Path, registry: Registry, feed: Feed | None = None, **settings: Any) -> None:
        self.settings = Settings(
            home=home,
            serving_port=free_port(),
            registry_poll_seconds=0.1,
            registry_artifact_roots="file:,mlflow-artifacts:",
            journal_segment_seconds=1.0,
            serving_prepare_seconds=5.0,
        )
        self.settings = replace(self.settings, **settings)
        self.url = f"http://127.0.0.1:{self.settings.serving_port}"
        self.headers: dict[str, str] = {}  # that say who asks
        self.registry = registry
        self.feed = feed
        self.history: list[tuple[Any, ...]] = []
        self.record: Recorder = lambda *line: self.history.append(line)
        self.board = Board(Places(self.settings.serving_folder).board)
        self._process: subprocess.Popen[bytes] | None = None
        self._follower: tuple[Loop, Follower, threading.Thread, Herald | None] | None = None

    def start_server(
        self,
        command: Sequence[str] = ("cuelight.cli", "serve"),
        more: Mapping[str, str] | None = None,
        workers: int = 0,
    ) -> None:
        """Start gunicorn, and wait until all its workers, or `workers` in all, are on the board."""
        process = self.launch_server(command, more)
        wanted = workers or self.settings.serving_workers
        eventually(
            lambda: process.poll() is not None or (len(self.board.workers()) == wanted and self.ready()),
            240,
            "the server is not ready",
        )
        assert process.poll() is None, (self.settings.home / "serve.log").read_text()[-2000:]

    def launch_server(
        self, command: Sequence[str] = ("cuelight.cli", "serve"), more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start gunicorn, and wait for nothing."""
        chosen = self.settings
        names = ["home", "serving_port", "serving_workers", "journal_segment_seconds", "serving_max_body_bytes"]
        names += ["serving_timeout_seconds", "serving_max_wait_seconds"]
        names += ["serving_cache_bytes", "serving_load_wait_seconds", "journal_pii"]
        names += ["telemetry_traces", "telemetry_sample", "access_required"]
        env = {f"CUELIGHT_{name.upper()}": str(getattr(chosen, name)) for name in names}
        log = (chosen.home / "serve.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **env, **(more or {}), "CUELIGHT_LOG_LEVEL": "warning"},
            stderr=log,
            start_new_session=True,
        )
        return self._process

    def stop_server(self) -> None:
        """Stop gunicorn and its workers, also stopped ones."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None

    def start_follower(self) -> None:
        """Follow the registry in a thread of this process."""
        chosen = self.settings
        store = ModelStore(Places(chosen.serving_folder).store)
        preparation = Preparation(
            self.registry, store, chosen, lambda name: recent_requests(chosen.journal_folder, name), trials.run
        )
        record, herald = self.record, Herald(self.feed) if self.feed else None
        if herald:
            record = attributed(record, herald.find, alias_map(chosen.track_production, chosen.track_staging))
        company = Company(chosen)
        reporter = Reporter(self.registry, record, aliases=chosen.track_production, leads=company.leads)
        follower = Follower(self.registry, chosen, preparation, reporter, company=company)
        loop = Loop(follower.tick, follower.pause, Log("test.follower"), jitter=0.0)
        thread = threading.Thread(target=loop.run, daemon=True)
        follower.start()
        if herald:
            herald.start(follower.hurry)
        thread.start()
        self._follower = (loop, follower, thread, herald)

    def stop_follower(self) -> None:
        """End the follower; what is served stays."""
        if self._follower:
            loop, follower, thread, herald = self._follower
            if herald:
                herald.stop()
            loop.stop()
            thread.join(60)
            follower.stop()
            self._follower = None

    def stop(self) -> None:
        """End everything."""
        self.stop_follower()
        self.stop_server()

    def ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            return bool(POOL.request("GET", f"{self.url}/readyz", timeout=2.0).status == 200)
        except urllib3.exceptions.HTTPError:
            return False

    def score(self, model: str, body: Any, path: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
        """POST a scoring request; `path` is what stands between the model's name and `/invocations`."""
        url = f"{self.url}/models/{model}{path}/invocations"
        if isinstance(body, bytes):
            return POOL.request("POST", url, body=body, headers=self.headers | headers)
        return POOL.request("POST", url, json=body, headers=self.headers | headers)

    def serves(self, model: str, version: int, track: str = "Production") -> bool:
        """Whether that version is in charge."""
        answer = POOL.request("GET", f"{self.url}/models/{model}", headers=self.headers)
        return bool(answer.status == 200 and answer.json()["tracks"].get(track, {}).get("version") == version)

    def wait_for(self, model: str, version: int, track: str = "Production", seconds: float = 120.0) -> None:
        """Wait until that version is in charge."""
        eventually(lambda: self.serves(model, version, track), seconds, f"{model} {version} does not serve {track}")

    def generation(self) -> Deployment:
        """What is committed."""
        return Generations(Places(self.settings.serving_folder).generations).read(self.board.committed)

    def tags(self, model: str, version: int) -> dict[str, str]:
        """The version's tags in the registry."""
        return dict(self.registry.snapshot().models[model].versions[version].tags)

    def seen(self, model: str, body: Any) -> Seen:
        """One request on a connection of its own, as the load generator writes it down."""
        with steady(self.url, model, body, connections=1, pause=0.0) as load:
            eventually(lambda: load.answers[0])
        return load.answers[0][0]

    def signal_server(self, number: int) -> None:
        """Send a signal to gunicorn's master."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to gunicorn's master and all its workers at once."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill_server(self) -> None:
        """End gunicorn and all its workers without a word."""
        self.signal_all(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def workers(self) -> list[Worker]:
        """The workers on the board."""
        return self.board.workers()


@contextmanager
def stock(host: Host, folder: Path) -> Iterator[Host]:
    """`host`'s models behind one more server: gunicorn's own worker, and Flask for every request."""
    other = copy(host)
    other.settings = replace(host.settings, serving_port=free_port(), serving_workers=1)
    other.url = f"http://127.0.0.1:{other.settings.serving_port}"
    more = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "CUELIGHT_SERVING_CACHE_BYTES": "0"}
    other.start_server(command=("tests.support.stock",), more=more, workers=len(host.workers()) + 1)
    try:
        yield other
    finally:
        other.stop_server()


@contextmanager
def running(home: Path, registry: Registry, feed: Feed | None = None, **settings: Any) -> Iterator[Host]:
    """A host that is up, and is gone afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    host = Host(home, registry, feed, **settings)
    try:
        host.start_server()
        host.start_follower()
        yield host
    finally:
        host.stop()
