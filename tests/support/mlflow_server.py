"""A real MLflow server for tests: a free loopback port, SQLite, local artifacts."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import urllib3

from cuelight.registry import server_process
from tests.support.editing import EditedMlflow
from tests.support.ports import free_port

_DATABASE = "mlflow.db"
_prepared: Path | None = None


def share_tables(folder: Path) -> None:
    """Let servers without a database begin with the tables that the first of them has made, kept in `folder`.

    Each else makes them by all of MLflow's migrations, for a second.
    """
    global _prepared
    _prepared = folder / _DATABASE


def stock(port: int) -> list[str]:
    """The command line of a server that runs MLflow's app as it comes."""
    return [*server_process.command(port)[:-2], "mlflow.server.fastapi_app:app"]


class MlflowServer:
    """A server that can be stopped, made to hang, and started again on the same port over the same folder.

    `command` makes its command line for a port, `more` is added to its environment, its paths begin with `prefix`.
    """

    def __init__(
        self,
        folder: Path,
        command: Callable[[int], list[str]] = server_process.command,
        more: Mapping[str, str] | None = None,
        prefix: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._command = command
        self._environment = server_process.environment(folder) | dict(more or {})
        self._folder = folder
        self._port = free_port()
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}{prefix}"

    def start(self, seconds: float = 120.0) -> None:
        """Start it, and wait until it has answered one request."""
        database = self._folder / _DATABASE
        fresh = not database.exists() and str(database) in self._environment["_MLFLOW_SERVER_FILE_STORE"]
        if fresh and _prepared and _prepared.exists():
            shutil.copyfile(_prepared, database)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(self._port),
                env=os.environ | self._environment,
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait(self.url, self._process, self._log, time.monotonic() + seconds)
        if fresh and _prepared and database.exists() and not _prepared.exists():
            _keep(database, _prepared)

    def stop(self) -> None:
        """Stop it with its whole process group, also when it hangs."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def recover(self) -> None:
        """Let it answer again, whatever was done to it."""
        if self._process is None:
            self.start()
        else:
            self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


@contextmanager
def running(server: MlflowServer, seconds: float = 120.0) -> Iterator[MlflowServer]:
    """The server, once it has answered one request; it is stopped with its whole process group."""
    try:
        server.start(seconds)
        yield server
    finally:
        server.stop()


def clear(url: str) -> None:
    """Delete all models."""
    registry = EditedMlflow(url)
    for name in registry.snapshot().models:
        registry.delete_model(name)


def _keep(database: Path, copy: Path) -> None:
    """Several may do so at once."""
    draft = copy.with_name(f"{copy.name}-{os.getpid()}")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    draft.rename(copy)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    pool = urllib3.PoolManager(retries=False)
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the MLflow server ended: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the MLflow server did not come up: {log.read_text()[-2000:]}")
        try:
            # 401: it wants to know who asks, and has made up its mind about it
            if pool.request("GET", url + server_process.READY_PATH, timeout=30.0).status in (200, 401):
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)  # nobody listens yet: there is no event to wait for
