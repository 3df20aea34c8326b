"""Which replicas are this machine's, and which hosts run elsewhere: for the gateway, and the board beside it."""

from __future__ import annotations

from collections.abc import Iterable

from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.host import Host
from cuelight.operations.replicas import Replica


def elsewhere(settings: Settings, hosts: Iterable[Host]) -> list[Host]:
    """Those that others can reach, but for this machine's own: told by the folders that those serve from.

    Raises:
        Misconfigured: the list of this machine's replicas can't be read.
    """
    paths = [replicas.identity(settings, each.name) for each in replicas.read(settings)]
    own = {path.read_text() for path in paths if path.exists()}
    return [each for each in hosts if each.address and each.folder not in own]


def here(settings: Settings, others: bool) -> tuple[Replica, ...]:
    """This machine's replicas: none, where there are `others` and nothing was ever served here.

    Raises:
        Misconfigured: the list of them can't be read.
    """
    serves = replicas.path(settings).exists() or replicas.identity(settings, "").exists()
    return replicas.read(settings) if serves or not others else ()


def as_replica(host: Host, address: str = "") -> Replica:
    """A host as what gets requests, at `address` instead of its own where that is given."""
    weight = min(max(1, host.cores), replicas.MOST_WEIGHT)
    return Replica(host.name, address or host.address, host.port, host.zone, weight, host.draining)
