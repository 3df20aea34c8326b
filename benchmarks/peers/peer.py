"""What all servers have in common: started on a model's folder, asked in their own protocols, ended."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import urllib3

from benchmarks import environments, wire
from benchmarks.models import NAMES, Model
from benchmarks.processes import PYTHON, free_port, process, resume, suspend
from benchmarks.wire import Body

APPS = Path(__file__).parent / "apps"
THREADS = 8
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Place:
    """What a server is started with; `folder` is its own, and empty."""

    model: Model
    workers: int
    folder: Path
    port: int


@dataclass(frozen=True)
class Running:
    """A server that answers: `start_seconds` from its start to its first right answer."""

    peer: Peer
    url: str
    pid: int
    start_seconds: float
    model: Model

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Its turn: one that spins runs only now."""
        if not self.peer.spins:
            yield
            return
        resume(self.pid)
        try:
            yield
        finally:
            suspend(self.pid)

    def ask(self, body: Body) -> list[Any]:
        """The predictions for one request.

        Raises:
            ValueError: the answer has another status than 200, or holds none.
        """
        headers = {**body.headers, "Connection": "close"}  # none is left open that a server would wait for in the end
        with urllib3.PoolManager(retries=False, timeout=60.0) as pool:
            answer = pool.request("POST", self.url + body.path, body=body.content, headers=headers)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        return self.peer.predictions(answer.data, answer.headers)


class Peer(ABC):
    """A server. `settings` says in words how it is set up; `requirements` names its environment, empty: this one."""

    name: ClassVar[str]
    settings: ClassVar[str]
    package: ClassVar[str]
    requirements: ClassVar[str] = ""
    most_workers: ClassVar[int] = 2
    models: ClassVar[Sequence[str]] = NAMES
    checked: ClassVar[bool] = True
    spins: ClassVar[bool] = False  # uses the processor while nobody asks: stopped while others are measured

    @cached_property
    def python(self) -> str:
        """The interpreter it runs in.

        Raises:
            Missing: its environment can't be made.
        """
        return str(environments.python(self.requirements)) if self.requirements else PYTHON

    @abstractmethod
    def command(self, place: Place) -> list[str]:
        """What starts it; may write configuration into its folder."""

    @abstractmethod
    def single(self, model: Model, frame: Any) -> Body:
        """A request with the frame's rows (usually one) in the protocol that single rows are asked in."""

    def batches(self, model: Model, frame: Any) -> list[Body]:
        """A request with the frame's rows in each protocol that it may take."""
        return [self.single(model, frame)]

    def variables(self, place: Place) -> Mapping[str, str]:
        """Its environment variables."""
        return {"MODEL": str(place.model.joblib), "MLFLOW_MODEL": str(place.model.mlflow), **_numbers(place)}

    def predictions(self, content: bytes, headers: Mapping[str, str]) -> list[Any]:
        """The predictions in its answer."""
        return wire.predictions(content, headers)

    def way(self, running: Running) -> str:  # noqa: ARG002  most don't say
        """How it predicts, where it says so."""
        return ""

    @contextmanager
    def start(self, model: Model, workers: int, folder: Path) -> Iterator[Running]:
        """Start it on a free port, and wait until it gives a right answer.

        Raises:
            Missing: it can't be made, ends, or does not come up.
        """
        folder.mkdir(parents=True)
        place, log = Place(model, workers, folder, free_port()), folder / "server.log"
        command, began = self.command(place), time.monotonic()
        with process(command, self.variables(place), log, folder) as started:
            url = f"http://127.0.0.1:{place.port}"
            running = Running(self, url, started.pid, 0.0, model)
            self.await_answer(running, started.poll, log)
            running = Running(self, url, started.pid, time.monotonic() - began, model)
            with running.awake():
                pass  # from here on it rests between its turns
            yield running

    def await_answer(self, running: Running, ended: Any, log: Path) -> None:
        """Ask one row until the answer is right.

        Raises:
            Missing: it ended, or took too long.
        """
        body = self.single(running.model, running.model.frame.head(1))
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                if running.ask(body) is not None:
                    return
            except (ValueError, urllib3.exceptions.HTTPError) as error:
                last = f"{type(error).__name__}: {error}"
            if ended() is not None:
                raise environments.Missing("it ended before it answered", _last_line(log))
            if time.monotonic() > deadline:
                raise environments.Missing(
                    f"no right answer within {_START_SECONDS:.0f} s", f"{last}; {_last_line(log)}"
                )
            time.sleep(0.05)


def _numbers(place: Place) -> dict[str, str]:
    return {"WORKERS": str(place.workers), "PORT": str(place.port), "THREADS": str(THREADS)}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "none"
