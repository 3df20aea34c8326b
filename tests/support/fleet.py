"""Serving hosts on machines of their own, by one registry and one operations database: `serve` and `follow`, each as a
process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.network import Machine

_ASK = (
    "import sys, urllib.request as r;"
    "q = r.Request(sys.argv[1], (sys.argv[2] or None) and sys.argv[2].encode(), {'Authorization': sys.argv[3]});"
    "q.add_header('Content-Type', 'application/json');"
    "print(r.urlopen(q, timeout=20).read().decode())"
)


@dataclass
class Member:
    """One host; `home` is its own, and its programs run where `machine` is."""

    name: str
    home: Path
    port: int
    machine: Machine
    environment: dict[str, str]
    _programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where others reach it."""
        return f"http://{self.machine.address}:{self.port}"

    def start(self) -> None:
        """Run both programs."""
        self.home.mkdir(parents=True, exist_ok=True)
        own = {
            "CUELIGHT_HOME": str(self.home),
            "CUELIGHT_HOST_NAME": self.name,
            "CUELIGHT_SERVING_HOST": self.machine.own,
            "CUELIGHT_SERVING_ADDRESS": self.machine.address,
            "CUELIGHT_SERVING_PORT": str(self.port),
        }
        for program in ("serve", "follow"):
            with (self.home.parent / f"{self.name}-{program}.log").open("ab") as log:
                self._programs[program] = subprocess.Popen(
                    [*self.machine.prefix, sys.executable, "-m", "cuelight.cli", program],
                    env={**os.environ, **self.environment, **own},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def stop(self) -> None:
        """End both, also where one is stopped in its tracks."""
        for each in self._programs.values():
            self._signal(each, signal.SIGCONT)
            self._signal(each, signal.SIGTERM)
        for each in self._programs.values():
            try:
                each.wait(60)
            except subprocess.TimeoutExpired:
                self._signal(each, signal.SIGKILL)
                each.wait()
        self._programs.clear()

    def freeze(self) -> None:
        """Let its server do nothing at all."""
        self._signal(self._programs["serve"], signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(self._programs["serve"], signal.SIGCONT)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Nothing more fits on the disk of its home, which is a small one of its own (`small_disk`)."""
        filler = self.home / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
        try:
            yield
        finally:
            filler.unlink()

    def ask(self, path: str, body: str, authorization: str) -> str:
        """What it answers on its own machine, whatever way there is to it."""
        url = f"http://{self.machine.own}:{self.port}{path}"
        command = [*self.machine.prefix, sys.executable, "-c", _ASK, url, body, authorization]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def _signal(self, program: subprocess.Popen[bytes], number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, number)


def variables(**settings: Any) -> dict[str, str]:
    """Settings as an environment."""
    return {f"CUELIGHT_{name.upper()}": str(value) for name, value in settings.items()}


@contextmanager
def small_disk(folder: Path, size: str = "8m") -> Iterator[None]:
    """A disk of its own for a folder: in memory, and small."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
