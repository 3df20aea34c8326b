"""How much of everything one run measures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """`rounds` of `seconds` for each load; numbers of versions, registered models, hosts and rows that are tried."""

    rounds: int = 3
    seconds: int = 2
    connections: Sequence[int] = (8, 64)
    versions: Sequence[int] = (0, 1, 5, 20)
    requests: int = 50_000
    models: Sequence[int] = (1, 10, 100, 1000)
    followers: int = 10
    follow_seconds: float = 6.0
    hosts: Sequence[int] = (10, 100, 1000)
    drift_rows: Sequence[int] = (10_000, 250_000)

    def __str__(self) -> str:
        several = f"medians of {self.rounds} rounds" if self.rounds > 1 else "one round"
        return f"Rates: {several} of {self.seconds} s."


QUICK = Size(1, 1, (64,), (0, 1, 3), 5000, (1, 10), 2, 2.0, (10, 50), (5000,))
