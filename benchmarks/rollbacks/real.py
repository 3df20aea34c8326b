"""Rollbacks on real workers: how many answers a version that fails gives until it is rolled back."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from benchmarks.environments import Missing
from benchmarks.peers.cuelight import Cuelight, variables
from benchmarks.processes import QUIET, free_port, process
from benchmarks.rollbacks.conditions import ALONE, CANARY
from benchmarks.rollbacks.follower import NAME
from benchmarks.rollbacks.records import Real

RATES, PERCENTS = (10, 100), {5: "fails on 5 %", 20: "fails on 20 %", 100: "fails on all"}
WORKERS = 2
_TRACKS = {ALONE: "Production", CANARY: "Staging"}
_CALLERS = 16
_PATIENCE_SECONDS, _QUIET_SECONDS = 300.0, 2.0


def measure(folder: Path, rounds: int, tell: Callable[[str], None]) -> Iterator[Real]:
    """Versions that fail on more and more, in each place, at each rate, a few times.

    Raises:
        Missing: one was not rolled back, or did not get into charge.
    """
    for percent in (0, *PERCENTS):
        _save(folder / str(percent), percent)
    for where in _TRACKS:
        with _host(folder / _TRACKS[where], folder) as host:
            for rate, percent, turn in itertools.product(RATES, PERCENTS, range(rounds)):
                tell(f"{where}, {rate} requests a second, {PERCENTS[percent]}, round {turn + 1}")
                found = host.watch(f"{percent} {_TRACKS[where]}", rate)
                yield Real(PERCENTS[percent], where, rate, turn, *found)


def _save(folder: Path, percent: int) -> None:
    """A model that raises where its column is below `percent`; callers send numbers from 0 up to 100."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    class Shaky(LinearRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            if (np.asarray(rows) < percent).any():
                raise ValueError("not in this mood")
            return super().predict(rows)

    frame = pd.DataFrame({"number": [200.0, 300.0]})
    model = Shaky().fit(frame, [1.0, 2.0])
    mlflow.sklearn.save_model(
        model,
        folder / "mlflow",
        serialization_format="cloudpickle",
        signature=infer_signature(frame, np.array([1.0, 2.0])),
        input_example=frame,
        pip_requirements=["scikit-learn", "pandas", "numpy"],
    )


@contextmanager
def _host(home: Path, folder: Path) -> Iterator[_Host]:
    """Scoring server and follower, version 1 in charge."""
    home.mkdir(parents=True)
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.rollbacks.follower", str(home), str(folder), str(port)]
    serve = [Cuelight().python, "-m", "cuelight.cli", "serve"]
    with process(serve, variables(home, port, WORKERS), home / "serve.log"), (home / "follow.log").open("wb") as log:
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True, env={**os.environ, **QUIET})
        host = _Host(f"http://127.0.0.1:{port}/models/{NAME}/invocations", child)
        try:
            host.read()
            yield host
        finally:
            child.communicate(timeout=10)  # without orders it leaves


@dataclass(frozen=True)
class _Host:
    url: str
    follower: subprocess.Popen[str]

    def watch(self, order: str, rate: float) -> tuple[int, int, float]:
        """Put a version into charge under load; its answers, those of both versions meanwhile, and seconds."""
        assert self.follower.stdin
        with _load(self.url, rate) as answers:
            self.follower.stdin.write(order + "\n")
            self.follower.stdin.flush()
            version = self.read()
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while (mine := [moment for moment, by in list(answers) if by == version]) == [] or _is_fresh(mine[-1]):
                if time.monotonic() > deadline:
                    raise Missing(f"version {version} ({order}) was not rolled back in {_PATIENCE_SECONDS:.0f} s")
                time.sleep(0.1)
        first, last = min(mine), max(mine)
        return len(mine), sum(first <= moment <= last for moment, _ in answers), last - first

    def read(self) -> int:
        """The version that the follower has put into charge."""
        assert self.follower.stdout
        return int(self.follower.stdout.readline())


def _is_fresh(moment: float) -> bool:
    return time.monotonic() - moment < _QUIET_SECONDS


@contextmanager
def _load(url: str, rate: float) -> Iterator[list[tuple[float, int]]]:
    """Callers who ask evenly, each once; when each answer came, and by which version."""
    answers: list[tuple[float, int]] = []
    pool, slots, over, began = (
        urllib3.PoolManager(maxsize=_CALLERS),
        itertools.count(),
        threading.Event(),
        time.monotonic(),
    )

    def call() -> None:
        for slot in slots:
            if over.wait(max(0.0, began + slot / rate - time.monotonic())):
                return
            body = {"dataframe_split": {"columns": ["number"], "data": [[random.uniform(0.0, 100.0)]]}}
            found = pool.request("POST", url, json=body, headers={"X-Cuelight-Key": f"{began}-{slot}"}, retries=False)
            answers.append((time.monotonic(), int(found.headers.get("X-Model-Version", 0))))

    threads = [threading.Thread(target=call, daemon=True) for _ in range(_CALLERS)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in threads:
            each.join()
