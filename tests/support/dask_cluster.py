"""A real Dask cluster for tests: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.host import eventually


class Cluster:
    """`address` is that of the process `scheduler`; `workers` are processes of one thread each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.address = ""
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, stack: ExitStack, workers: int) -> None:
        """Start all, and wait until each has found the others; `stack` ends them."""
        self._stack = stack
        self.scheduler = self._start(stack, "scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = eventually(
            lambda: json.loads(self._file.read_text())["address"], reason="there is no Dask scheduler"
        )
        self.hire(workers)

    def hire(self, workers: int = 1) -> None:
        """Start so many more workers, and wait until the scheduler knows them."""
        for _ in range(workers):
            self.workers.append(self._start(self._stack, "worker", "--nthreads", "1", "--no-nanny"))
        log, known = self._folder / "worker.log", len(self.workers)
        eventually(lambda: log.read_text().count("Registered to") == known, reason="the Dask workers did not come")

    def _start(self, stack: ExitStack, what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self._file), "--no-dashboard", *options]
        log = stack.enter_context((self._folder / f"{what}.log").open("ab"))
        process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process


@contextmanager
def running(folder: Path, workers: int) -> Iterator[Cluster]:
    """A cluster that is up, and is gone afterwards."""
    with ExitStack() as stack:
        cluster = Cluster(folder)
        cluster.start(stack, workers)
        yield cluster
