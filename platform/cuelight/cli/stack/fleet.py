"""Which replicas `cuelight up` runs on this machine, and what is otherwise for each: pure.

The first lives in the home folder itself, as the only one does; a further one in `home/replicas/NAME`, on the next
port. What they share: MLflow, the operations database, keys, and the journal, in which each is a host of its own.
"""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from cuelight.kit.errors import Misconfigured, NotFound
from cuelight.kit.settings import FIRST_REPLICA, Settings
from cuelight.kit.text import meant
from cuelight.operations.replicas import Replica

MOST = 64
_NAME = re.compile(r"replica-([1-9]\d*)\Z")
Fleet = tuple[Replica, ...]


def number(replica: Replica) -> int:
    """Which of this machine's replicas it is, from 1 on; 0: none, it runs elsewhere."""
    found = _NAME.match(replica.name)
    return int(found[1]) if found else 0


def resized(fleet: Fleet, count: int) -> Fleet:
    """So many replicas on this machine: those with the lowest numbers stay, new ones get the next ports.

    Replicas with other names run elsewhere, and stay as they are.

    Raises:
        Misconfigured: there would be none, more than 64, or ports that there are not.
    """
    known = {number(each): each for each in fleet}
    first = known[1]
    if not 1 <= count <= min(MOST, 65536 - first.port):
        raise Misconfigured(f"There can be 1 to {MOST} replicas, on ports up to 65535 from {first.port} on.")
    ours = [known.get(n) or _further(first, n) for n in range(1, count + 1)]
    return (*ours, *(each for each in fleet if not number(each)))


def _further(first: Replica, n: int) -> Replica:
    return Replica(f"replica-{n}", first.address, first.port + n - 1, zone=first.zone)


def begun(fleet: Fleet, first: Replica, count: int) -> Fleet:
    """The fleet that `cuelight up` starts with: as many as settings say, on the ports that they say now.

    What people wrote into the file of each replica's zone and weight stays; nobody drains.
    """
    known = {each.name: each for each in fleet}
    elsewhere = tuple(each for each in fleet if not number(each))
    ours = (each for each in resized((first, *elsewhere), count) if number(each))
    return (*(_as_before(each, known.get(each.name, each)) for each in ours), *elsewhere)


def _as_before(replica: Replica, known: Replica) -> Replica:
    return msgspec.structs.replace(replica, zone=known.zone, weight=known.weight)


def drained(fleet: Fleet, name: str, draining: bool = True) -> Fleet:
    """The same, with one replica set to drain, or to take requests again.

    Raises:
        NotFound: there is none of that name.
        Misconfigured: nobody would be left to serve.
    """
    find(fleet, name)
    changed = tuple(msgspec.structs.replace(each, draining=draining) if each.name == name else each for each in fleet)
    if all(each.draining for each in changed):
        raise Misconfigured(f"{name} is the last replica that takes requests: add another by `cuelight scale`.")
    return changed


def joined(fleet: Fleet, replica: Replica) -> Fleet:
    """The same with one more, which does not take requests yet."""
    new = msgspec.structs.replace(replica, draining=True)
    return (*(each for each in fleet if number(each)), new, *(each for each in fleet if not number(each)))


def find(fleet: Fleet, name: str) -> Replica:
    """The replica of that name.

    Raises:
        NotFound: there is none.
    """
    for each in fleet:
        if each.name == name:
            return each
    names = [each.name for each in fleet]
    raise NotFound(f"There is no replica {name!r}; there are {', '.join(names)}.{meant(name, names)}")


def own(settings: Settings, fleet: Fleet) -> Settings:
    """The settings by which a replica's own programs go: its port, and its name in journal and history.

    Raises:
        NotFound: `serving.replica` names none that there is.
    """
    name = settings.serving_replica
    if name in ("", FIRST_REPLICA):
        return settings
    port = find(fleet, name).port
    return replace(settings, serving_port=port, host_name=_host(settings, name))


def hosts(settings: Settings) -> set[str]:
    """What the replicas of this machine are called in journal and history, however many there were."""
    return {settings.host_name, *(_host(settings, f"replica-{number}") for number in range(1, MOST + 1))}


def _host(settings: Settings, name: str) -> str:
    return f"{settings.host_name}-{name}"
