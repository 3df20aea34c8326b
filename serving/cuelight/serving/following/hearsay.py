"""What hosts have rolled back by themselves and can't bring about in the registry, since they don't reach it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cuelight.operations.host import Host, Version
from cuelight.registry.model import Track
from cuelight.serving.following.statuses import ROLLED_BACK
from cuelight.serving.host.deployment import Key


class Word(NamedTuple):
    """A version that a host took off a track, and why."""

    key: Key
    version: Version
    reason: str


def words(hosts: Iterable[Host], bound: float) -> Iterator[Word]:
    """Of hosts that have not read the registry for `bound` seconds: the others say it there themselves."""
    for host in hosts:
        for role in host.roles if host.unread > bound else ():
            if role.state == ROLLED_BACK and role.wanted:
                reason = f"{role.reason} So said {host.name}, which can't read MLflow."
                yield Word((role.model, Track(role.track)), role.wanted, reason)
