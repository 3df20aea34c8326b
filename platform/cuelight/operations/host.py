"""A serving host as the others see it, that share its operations database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec


class Version(NamedTuple):
    """A version's number, and when it was made (epoch milliseconds): models may be deleted and made anew."""

    number: int
    created_ms: int


class Role(msgspec.Struct, frozen=True):
    """A model's track on one host.

    Attributes:
        wanted: the version that the registry has there, as this host read it last; None: none.
        state: how far that one is: fetching, trial, ready, serving, refused, failed, rolled-back; and, where hosts
            change in turns, waiting (for its turn) or switching (it is its turn).
        serves: the version that answers; None: none.
        since: since when, in epoch seconds by the host's own clock.
    """

    model: str
    track: str
    wanted: Version | None = None
    state: str = ""
    reason: str = ""
    serves: Version | None = None
    since: float = 0.0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of itself.

    Attributes:
        folder: an id of the folder that it serves from: two of one name are told apart by it.
        address: where gateways on other machines reach it; empty: nowhere, it listens on loopback.
        version: of Cuelight.
        started, clock: when its follower started, and what time it has now, in epoch seconds by its own clock.
        rollouts: how far rollouts are, as its machine's file says it.
        bakes: what its machine has counted of versions that bake; empty: another host speaks for that machine.
        unread: for how long (s) the registry has given it no good answer.
        trouble: what keeps its follower from going on, as a full disk does; empty: nothing.
    """

    name: str
    folder: str
    address: str = ""
    port: int
    zone: str = ""
    cores: int = 1
    version: str = ""
    started: float = 0.0
    clock: float = 0.0
    generation: int = 0
    roles: tuple[Role, ...] = ()
    rollouts: str = ""
    bakes: str = ""
    unread: float = 0.0
    trouble: str = ""


class Host(Record, frozen=True, kw_only=True):
    """A host's record as others read it, `age` seconds after it was written; `draining`: it is to get nothing new."""

    draining: bool = False
    age: float = 0.0

    def role(self, model: str, track: str) -> Role | None:
        """How a model's track stands there."""
        return next((each for each in self.roles if (each.model, each.track) == (model, track)), None)


class Roll(NamedTuple):
    """All hosts by name, and the name of the one that speaks for all (empty: none does)."""

    hosts: tuple[Host, ...]
    leader: str


Settle = Callable[[Record, Sequence[Host]], Record]
"""What a host writes, once it knows what the others have written; no other host writes meanwhile."""
