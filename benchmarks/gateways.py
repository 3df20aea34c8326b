"""What the gateway costs: the same server asked directly and by way of it, on alternating turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from benchmarks import arrivals, wrk
from benchmarks.environments import Missing
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight
from benchmarks.peers.peer import Running
from benchmarks.plan import rotated
from benchmarks.processes import PYTHON, cpu_seconds, free_port, process
from benchmarks.ratios import number
from benchmarks.tables import Table
from benchmarks.wrk import Load

DIRECT = "directly"
_RATE = 500.0  # requests a second, well below what is answered
_DUE = f"{_RATE:g} requests/s"
_READY_SECONDS = 30.0
_LIMITS = {"CALLER_RATE": "1000000", "CALLER_BURST": "1000000", "MODEL_RATE": "1000000", "MODEL_BURST": "1000000"}
# By what is measured, the settings of `[gateway]`: as it comes, counting for limits that nobody reaches, and by TLS.
WAYS: Mapping[str, Mapping[str, str]] = {
    "gateway": {},
    "gateway, limits": _LIMITS,
    "gateway, TLS": {"TLS": "self-signed"},
}


@dataclass(frozen=True)
class Gateway:
    """One that answers, and its process."""

    url: str
    pid: int


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds, seconds of load in each."""

    rounds: int = 5
    seconds: int = 4

    def __str__(self) -> str:
        return f"{self.rounds} rounds of {self.seconds} s"


@dataclass(frozen=True)
class Turn:
    """One load by one way; `cpu_us` is what a request took of the processor in all that is behind the caller."""

    load: Load
    cpu_us: float


@contextmanager
def gateway(
    running: Running, folder: Path, more: Mapping[str, str], others: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """A gateway in front of a server; `more`: settings of `[gateway]`, in capitals; `others`: variables.

    Raises:
        Missing: it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, scheme = free_port(), "https" if "TLS" in more else "http"
    chosen = {"PORT": str(port), "ADMIN_PORT": str(free_port()), "SLOW_START_SECONDS": "0", **more}
    variables = {f"CUELIGHT_GATEWAY_{name}": value for name, value in chosen.items()}
    variables |= {"CUELIGHT_HOME": str(folder), "CUELIGHT_SERVING_PORT": running.url.rpartition(":")[2]}
    variables |= others or {}
    with process([PYTHON, "-m", "cuelight.cli", "gateway"], variables, folder / "gateway.log") as started:
        found = Gateway(f"{scheme}://127.0.0.1:{port}", started.pid)
        _await(found.url)
        yield found


def _await(url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    with urllib3.PoolManager(retries=False, timeout=5.0, cert_reqs="CERT_NONE") as pool:
        while time.monotonic() < deadline:
            try:
                if pool.request("GET", f"{url}/readyz").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass  # it does not listen yet
            time.sleep(0.05)
    raise Missing("the gateway does not come up")


def cost(model: Model, folder: Path, size: Size) -> Iterator[list[str]]:
    """Rows of a table: ratios of processor time, rate and latency by way of the gateway over those without it."""
    with ExitStack() as stack:
        peer = Cuelight()
        running = stack.enter_context(peer.start(model, 1, folder / "server"))
        gateways = {name: stack.enter_context(gateway(running, folder / name, each)) for name, each in WAYS.items()}
        bodies = [peer.single(model, model.frame.iloc[i : i + 1]) for i in range(64)]
        loads: dict[str, Callable[[str, int], Load]] = {
            "1 connection": lambda url, _: wrk.run(url, bodies, 1, size.seconds),
            "8 connections": lambda url, _: wrk.run(url, bodies, 8, size.seconds),
            "64 connections": lambda url, _: wrk.run(url, bodies, 64, size.seconds),
            _DUE: lambda url, turn: arrivals.run(url, bodies, _RATE, size.seconds, turn),
        }

        def turn(way: str, load: Callable[[str, int], Load], number: int) -> Turn:
            pids = [running.pid, *([gateways[way].pid] if way in gateways else [])]
            before = sum(map(cpu_seconds, pids))
            found = load(gateways[way].url if way in gateways else running.url, number)
            return Turn(found, 1e6 * (sum(map(cpu_seconds, pids)) - before) / max(1, found.requests))

        ways = (DIRECT, *gateways)
        for name, load in loads.items():
            asked = [way for way in ways if name != _DUE or "TLS" not in WAYS.get(way, {})]  # arrivals speak plain HTTP
            rounds = [{way: turn(way, load, number) for way in rotated(asked, number)} for number in range(size.rounds)]
            for way in asked:
                yield [name, way, *_cells([each[way] for each in rounds], [each[DIRECT] for each in rounds])]


COLUMNS = ("load", "way", "CPU µs a request", "ratio", "requests/s", "ratio", "p50 ms", "ratio", "p99 ms", "failed")


def table(rows: list[list[str]]) -> Table:
    """As it is shown."""
    return Table("Cost: medians, and ratios to the server asked directly", COLUMNS, rows)


def _cells(found: list[Turn], direct: list[Turn]) -> list[str]:
    cells: list[str] = []
    for figure in (_cpu, _rate, _p50):
        ratios = sorted(figure(one) / figure(other) for one, other in zip(found, direct, strict=True))
        median = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        cells += [number(statistics.median(map(figure, found))), median]
    p99, failed = statistics.median(each.load.p99_ms for each in found), sum(each.load.failed for each in found)
    return [*cells, number(p99), str(failed)]


def _cpu(turn: Turn) -> float:
    return turn.cpu_us


def _rate(turn: Turn) -> float:
    return turn.load.rate


def _p50(turn: Turn) -> float:
    return turn.load.p50_ms
