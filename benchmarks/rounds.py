"""The measuring itself: all servers of a model are up, and are asked in turn, in rounds."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from benchmarks import baselines, processes, wire, wrk
from benchmarks.environments import Missing
from benchmarks.equality import same
from benchmarks.models import Model
from benchmarks.peers.catalog import PEERS
from benchmarks.peers.peer import Running
from benchmarks.plan import rotated
from benchmarks.records import Bare, Batch, Server, Single
from benchmarks.run import Run
from benchmarks.wire import Body

DIFFERENT = "its predictions are others than the estimator's"
_DIFFERENT_ROWS = 64
_WARM_SECONDS = 1
_WARM_CONNECTIONS = 8


def measure(run: Run, model: Model, folder: Path) -> Iterator[None]:
    """Measure all that the plan wants of one model; yields whenever something was added to the run's results."""
    for workers in run.plan.workers:
        with _servers(run, model, workers, folder / f"{model.name}-{workers}") as servers:
            servers = [each for each in servers if _agrees(each, run)]
            for running in servers:
                with running.awake():
                    _load(running, _WARM_CONNECTIONS, _WARM_SECONDS)
            yield from _singles(run, model, workers, servers)
            run.results.servers += [
                Server(model.name, workers, e.peer.name, e.start_seconds, _megabytes(e.pid), e.peer.way(e))
                for e in servers
            ]
            if workers == 1:
                for rows in run.plan.batch_rows:
                    run.tell(f"{model.name}: {rows:,} rows in one request")
                    _batches(run, model, rows, servers)
                    yield


@contextmanager
def _servers(run: Run, model: Model, workers: int, folder: Path) -> Iterator[list[Running]]:
    """All servers that the plan wants, up; those that can't be are left out with the reason."""
    with ExitStack() as stack:
        up = []
        for kind in PEERS:
            if not run.plan.takes(kind.name) or model.name not in kind.models or workers > kind.most_workers:
                continue
            run.tell(f"{model.name}, {_workers(workers)}: starting {kind.name}")
            try:
                up.append(stack.enter_context(kind().start(model, workers, folder / kind.__name__)))
            except Missing as missing:
                run.leave_out(f"{kind.name}, {model.name}, {_workers(workers)}", missing.reason, missing.detail)
        yield up


def _agrees(running: Running, run: Run) -> bool:
    """Hold single rows against what the estimator itself predicts; a server that differs is left out."""
    if not running.peer.checked:
        return True
    expected = running.model.expected
    with running.awake():
        answers = [running.ask(body) for body in _single_rows(running)]
    if all(same(answer, expected[index : index + 1]) for index, answer in enumerate(answers)):
        return True
    run.leave_out(f"{running.peer.name}, {running.model.name}", DIFFERENT)
    return False


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _megabytes(pid: int) -> float:
    return processes.memory_bytes(pid) / 2**20


def _single_rows(running: Running) -> list[Body]:
    frame = running.model.frame
    return [running.peer.single(running.model, frame.iloc[i : i + 1]) for i in range(_DIFFERENT_ROWS)]


def _load(running: Running, connections: int, seconds: int) -> wrk.Load:
    return wrk.run(running.url, _single_rows(running), connections, seconds)


def _singles(run: Run, model: Model, workers: int, servers: Sequence[Running]) -> Iterator[None]:
    plan, results = run.plan, run.results
    for connections in plan.connections:
        run.tell(f"{model.name}, {_workers(workers)}: single rows, {connections} connections")
        for turn in range(plan.rounds_of(workers)):
            for running in rotated(servers, turn):
                try:
                    figures = _figures(running, connections, plan.seconds)
                    results.singles.append(Single(model.name, workers, connections, turn, running.peer.name, *figures))
                except (ValueError, subprocess.CalledProcessError):
                    where = f"{model.name}, {_workers(workers)}, {connections} connections, round {turn}"
                    run.leave_out(f"{running.peer.name}, {where}", "it no longer answered")
            if workers == 1 and connections == max(plan.connections):
                results.bares.append(Bare(model.name, turn, baselines.rows_per_second(model, plan.seconds / 2)))
            yield


def _figures(running: Running, connections: int, seconds: int) -> tuple[float, float, float, int, float]:
    """Of single rows: requests a second, p50 and p99 in milliseconds, those that failed, CPU microseconds for each."""
    with running.awake():
        before = processes.cpu_seconds(running.pid)
        load = _load(running, connections, seconds)
        spent = processes.cpu_seconds(running.pid) - before
    return load.rate, load.p50_ms, load.p99_ms, load.failed, 1e6 * spent / max(1, load.requests)


@dataclass(frozen=True)
class _Kind:
    """One kind of request, or of work in process, that is done once a round."""

    server: str
    protocol: str
    do: Callable[[], Any]
    turn: Callable[[], AbstractContextManager[None]] = nullcontext


def _batches(run: Run, model: Model, rows: int, servers: Sequence[Running]) -> None:
    """One request after the other, each kind once a round, so that all meet the same machine."""
    frame = model.frame.head(rows)
    works = baselines.works(model, rows, wire.split(frame, "").content)
    kinds = [_Kind("", name, work) for name, work in works.items()]
    with ExitStack() as stack:
        for running in servers:
            for body in running.peer.batches(model, frame):
                if reason := _refusal(running, body, rows):
                    run.leave_out(f"{running.peer.name}, {model.name}, {rows:,} rows, {body.protocol}", reason)
                    continue
                ask = stack.enter_context(_asking(running, body))
                kinds.append(_Kind(running.peer.name, body.protocol, ask, running.awake))
        for turn in range(-1, run.plan.batch_rounds):
            for kind in rotated(kinds, turn):
                ms = _timed(kind)
                if turn >= 0 and ms is not None:  # the round before is for warming up
                    run.results.batches.append(Batch(model.name, kind.server, kind.protocol, rows, turn, ms))


def _timed(kind: _Kind) -> float | None:
    """Milliseconds; None if it failed, which a refusal would have shown before."""
    with kind.turn():
        began = time.perf_counter()
        try:
            kind.do()
        except (http.client.HTTPException, OSError):
            return None
        return 1000 * (time.perf_counter() - began)


def _refusal(running: Running, body: Body, rows: int) -> str:
    """Why a server does not take part in this protocol; empty: it does."""
    try:
        with running.awake():
            answer = running.ask(body)
    except ValueError as error:
        return str(error)
    except (KeyError, urllib3.exceptions.HTTPError) as error:
        return f"no answer that can be read ({type(error).__name__})"
    return "" if same(answer, running.model.expected[:rows]) else DIFFERENT


@contextmanager
def _asking(running: Running, body: Body) -> Iterator[Callable[[], Any]]:
    """Send the body once a call, over one connection that is kept, and read the whole answer."""
    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def ask() -> None:
        try:
            _once(connection, body)
        except (http.client.HTTPException, ConnectionError):  # the server did not keep it while others were asked
            connection.close()
            _once(connection, body)

    try:
        yield ask
    finally:
        connection.close()


def _once(connection: http.client.HTTPConnection, body: Body) -> None:
    connection.request("POST", body.path, body.content, dict(body.headers))
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise OSError(f"status {answer.status} in the middle of a run")
