"""`cuelight up` as a real process of its own, with everything that it starts in sight."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import urllib3

from tests.support.command import asked
from tests.support.host import eventually
from tests.support.ports import free_port

POOL = urllib3.PoolManager(retries=False, timeout=30.0)
READY = "Press Ctrl-C to stop."


class Up:
    """One installation in `home`, on ports of its own; `registry_uri` makes it use an MLflow server that is there."""

    def __init__(self, home: Path, registry_uri: str = "", replicas: int = 1, **settings: Any) -> None:
        self.home = home
        self.serving_port, self.mlflow_port = free_port(replicas + 1), free_port()
        self.gateway_port, self.gateway_admin_port = free_port(), free_port()
        self.board_port = free_port()
        self.url = f"http://127.0.0.1:{self.serving_port}"
        self.gateway_url = f"http://127.0.0.1:{self.gateway_port}"
        self.mlflow_url = registry_uri or f"http://127.0.0.1:{self.mlflow_port}"
        self._flags = ["--registry-uri", registry_uri] if registry_uri else []
        self._flags += ["--replicas", str(replicas)] if replicas > 1 else []
        self._settings = {f"CUELIGHT_{name.upper()}": str(value) for name, value in settings.items()}
        self._output = home.parent / f"{home.name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What its processes, and commands beside it, are started with."""
        return {
            **os.environ,
            "CUELIGHT_HOME": str(self.home),
            "CUELIGHT_SERVING_PORT": str(self.serving_port),
            "CUELIGHT_MLFLOW_PORT": str(self.mlflow_port),
            "CUELIGHT_GATEWAY_PORT": str(self.gateway_port),
            "CUELIGHT_GATEWAY_ADMIN_PORT": str(self.gateway_admin_port),
            "CUELIGHT_BOARD_PORT": str(self.board_port),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            **self._settings,
        }

    def launch(self) -> None:
        """Start it."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.home.parent,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self.launch()
        eventually(lambda: READY in self.output or not self.running, 400, "cuelight up does not get ready")
        assert self.running, self.output

    def again(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same command once more, to its end."""
        return subprocess.run(
            self.command,
            env={**self.environment, **environment},
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def command_beside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`cuelight` with these arguments, in the same home, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cuelight.cli", *arguments],
            env=self.environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def command_here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same in this process, where how it starts is beside the point."""
        return asked(self.home.parent, self.environment, *arguments)

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "cuelight.cli", "up", *self._flags]

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    @property
    def running(self) -> bool:
        """Whether `cuelight up` itself runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def family(self) -> list[psutil.Process]:
        """It and all that it has started, now."""
        head = psutil.Process(self.pid)
        return [head, *head.children(recursive=True)]

    def programs(self) -> dict[str, psutil.Process]:
        """What supervisord has started and still runs, by the last word of its command line."""
        found = {}
        for each in [grandchild for child in psutil.Process(self.pid).children() for grandchild in child.children()]:
            with suppress(psutil.NoSuchProcess):
                command = each.cmdline()  # empty for one that has ended
                found.update({command[-1]: each} if command else {})
        return found

    def signal(self, number: int) -> None:
        """Send a signal to `cuelight up` itself."""
        os.kill(self.pid, number)

    def exit_code(self, seconds: float = 240) -> int:
        """Wait for its end."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End it with all its family, whatever state it is in."""
        if not self.running:
            return
        family = self.family()
        self.signal(signal.SIGTERM)
        try:
            self.exit_code()
        finally:
            for each in alive(family):
                each.kill()


def listening() -> dict[tuple[str, int], int | None]:
    """Who listens on this machine: address and port to process id, where it may be known."""
    return {
        (each.laddr.ip, each.laddr.port): each.pid
        for each in psutil.net_connections("inet")
        if each.status == psutil.CONN_LISTEN and each.laddr
    }


def alive(family: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; psutil knows a process from a later one with its number."""
    return [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def gone(family: Iterable[psutil.Process], seconds: float = 180) -> bool:
    """Wait until none of them runs; what stays is killed, and the answer is False."""
    _, left = psutil.wait_procs(family, seconds)
    for each in left:
        each.kill()
    return not left
