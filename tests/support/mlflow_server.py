"""A real MLflow server for tests: a free loopback port, SQLite, local artifacts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from cuelight.registry.server_process import READY_PATH, command, environment


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(folder: Path, seconds: float = 120.0) -> Iterator[str]:
    """The URL of a server that has answered one request; it is stopped with its whole process group."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            env=os.environ | environment(folder),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log, time.monotonic() + seconds)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    pool = urllib3.PoolManager(retries=False)
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the MLflow server ended: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the MLflow server did not come up: {log.read_text()[-2000:]}")
        try:
            if pool.request("GET", url + READY_PATH, timeout=30.0).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)  # nobody listens yet: there is no event to wait for
