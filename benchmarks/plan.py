"""What one run measures: which models and servers, how often and how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.models import LINEAR, MIXED, NAMES

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """`rounds` are for one worker; two workers have half of them. `peers`: parts of servers' names, none: all."""

    models: Sequence[str] = NAMES
    peers: Sequence[str] = ()
    workers: Sequence[int] = (1, 2)
    connections: Sequence[int] = (1, 8, 64)
    rounds: int = 4
    seconds: int = 2
    batch_rows: Sequence[int] = (100, 10_000)
    batch_rounds: int = 7
    promotion_rounds: int = 3
    promotion_seconds: int = 6
    shadow_rounds: int = 6
    shadow_seconds: int = 3
    guest_rounds: int = 5
    guest_seconds: int = 10
    guest_versions: int = 200

    def rounds_of(self, workers: int) -> int:
        """Rounds of each cell with so many workers."""
        return self.rounds if workers == 1 else max(1, self.rounds // 2)

    def takes(self, server: str) -> bool:
        """Whether a server is asked for by (a part of) its name; Cuelight always is."""
        return not self.peers or server == "Cuelight" or any(each.lower() in server.lower() for each in self.peers)


QUICK = Plan(
    models=(LINEAR, MIXED),
    workers=(1,),
    connections=(8,),
    rounds=1,
    batch_rows=(10_000,),
    batch_rounds=3,
    promotion_rounds=1,
    promotion_seconds=4,
    shadow_rounds=1,
    shadow_seconds=2,
    guest_rounds=1,
    guest_seconds=2,
    guest_versions=40,
)


def rotated(items: Sequence[T], by: int) -> list[T]:
    """The items, beginning with another one each round: nobody is always first, or always after the same one."""
    turn = by % len(items) if items else 0
    return [*items[turn:], *items[:turn]]
