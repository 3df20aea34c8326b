"""More callers than there is room for: what is answered well, and how late, at shares of what can be answered at most.

Requests come at random moments whether earlier ones were answered or not, and latency counts from when one was due.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import arrivals, wrk
from benchmarks.gateways import Size, gateway
from benchmarks.models import Model
from benchmarks.peers.cuelight import CuelightPlain
from benchmarks.plan import rotated
from benchmarks.tables import Table

_CONNECTIONS = 500  # what one selects on at once is bounded
_ROWS = 8  # a request: so slow that more wait than there is room for before all connections are taken
_SHARES = (0.5, 1.0, 1.5, 2.0)
SIZE = Size(rounds=3, seconds=6)


@dataclass(frozen=True)
class Level:
    """One load: requests a second that were due, and that were answered by 200; these ones' latency; who heard what."""

    due: float
    good: float
    p50_ms: float
    p99_ms: float
    statuses: Counter[int]


COLUMNS = ("way", "of the capacity", "due /s", "answered by 200 /s", "of the peak", "p50 ms", "p99 ms", "others")


def measure(model: Model, folder: Path, size: Size) -> Iterator[list[str]]:
    """Rows of a table, directly and by way of the gateway, each by its own capacity."""
    with ExitStack() as stack:
        peer = CuelightPlain()
        running = stack.enter_context(peer.start(model, 1, folder / "server"))
        entry = stack.enter_context(gateway(running, folder / "gateway", {}))
        bodies = [peer.single(model, model.frame.iloc[_ROWS * i : _ROWS * (i + 1)]) for i in range(64)]
        ways = {"directly": running.url, "gateway": entry.url}
        capacity = {way: wrk.run(url, bodies, 64, size.seconds).rate for way, url in ways.items()}
        found: dict[tuple[str, float], list[Level]] = {}
        for turn in range(size.rounds):
            for way in rotated(list(ways), turn):
                for share in _SHARES:
                    rate = share * capacity[way]
                    answers, took = arrivals.answers(ways[way], bodies, rate, size.seconds, turn, _CONNECTIONS)
                    found.setdefault((way, share), []).append(level(answers, took))
        for (way, share), levels in found.items():
            peaks = [max(found[way, other][turn].good for other in _SHARES) for turn in range(size.rounds)]
            yield _row(way, share, levels, peaks)


def level(answers: list[arrivals.Answer], seconds: float) -> Level:
    """What a load's answers come to, if the last of them took that long to come."""
    good = [1000 * each.seconds for each in answers if each.status == 200]
    p50, p99 = np.percentile(good, (50, 99)).tolist() if good else (float("nan"),) * 2
    statuses = Counter(each.status for each in answers)
    return Level(len(answers) / seconds, len(good) / seconds, p50, p99, statuses)


def table(rows: list[list[str]]) -> Table:
    """As it is shown."""
    return Table("Overload: medians of the rounds", COLUMNS, rows)


def _row(way: str, share: float, levels: list[Level], peaks: list[float]) -> list[str]:
    kept = [each.good / peak for each, peak in zip(levels, peaks, strict=True)]
    others = sum((each.statuses for each in levels), Counter[int]())
    others.pop(200, None)
    figures = ((each.due, each.good, each.p50_ms, each.p99_ms) for each in levels)
    middle = [statistics.median(values) for values in zip(*figures, strict=True)]
    return [
        way,
        f"{share:.0%}",
        f"{middle[0]:,.0f}",
        f"{middle[1]:,.0f}",
        f"{statistics.median(kept):.0%} ({min(kept):.0%} to {max(kept):.0%})",
        f"{middle[2]:,.0f}",
        f"{middle[3]:,.0f}",
        ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(others.items())) or "-",
    ]
