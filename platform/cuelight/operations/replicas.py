"""Which serving replicas there are: `replicas.json` in the home folder, which the gateway follows.

Without that file there is one replica: the serving host of the settings. The file is replaced whole, so that a reader
has the old list or the new one:

    [{"name": "replica-1", "address": "127.0.0.1", "port": 8000, "zone": "", "weight": null, "draining": false}, ...]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from cuelight.kit import files
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import FIRST_REPLICA, Settings

MOST_WEIGHT = 128
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared, not bound


class Replica(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One serving host; while it is `draining`, it gets no new requests.

    Attributes:
        address: IP address (the gateway asks no name server), or a host name of this machine's own.
        zone: where it stands, for balancing by locality; empty: nowhere in particular.
        weight: its part of the traffic where that goes by weights, next to the other replicas' weights; None: as many
            as it has cores.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]*\Z", max_length=60)]
    address: Annotated[str, msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    zone: str = ""
    weight: Annotated[int, msgspec.Meta(ge=1, le=MOST_WEIGHT)] | None = None
    draining: bool = False

    @property
    def url(self) -> str:
        """Where it is asked, without a path."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{address}:{self.port}"


def path(settings: Settings) -> Path:
    """The file; it need not be there."""
    return settings.home / "replicas.json"


def first(settings: Settings) -> Replica:
    """The replica that there always is: the serving host of the settings, as this machine reaches it."""
    return Replica(FIRST_REPLICA, _LOOPBACK.get(settings.serving_host, settings.serving_host), settings.serving_port)


def identity(settings: Settings, name: str) -> Path:
    """Where a replica of this machine keeps the id by which other hosts tell its folder from theirs."""
    return settings.serving_folder_of(name) / "host.id"


def read(settings: Settings) -> tuple[Replica, ...]:
    """The replicas, in the order of the file; at least one.

    Raises:
        Misconfigured: the file does not hold what it should.
    """
    file = path(settings)
    try:
        found = msgspec.json.decode(file.read_bytes(), type=tuple[Replica, ...])
        _check(found)
    except FileNotFoundError:
        return (first(settings),)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise Misconfigured(f"{file} is not a list of replicas: {error}.") from error
    return found


def change(settings: Settings, how: Callable[[tuple[Replica, ...]], tuple[Replica, ...]]) -> tuple[Replica, ...]:
    """Put `how(replicas)` in place of the replicas, while nobody else changes them; the new ones.

    Raises:
        Misconfigured: the file does not hold what it should.
        ValueError: there would be none, or two of one name.
    """
    file = path(settings)
    with files.alone(file.with_name(".replicas.lock")):
        replicas = how(read(settings))
        _check(replicas)
        files.replace(file, msgspec.json.format(msgspec.json.encode(replicas)) + b"\n")
    return replicas


def _check(replicas: tuple[Replica, ...]) -> None:
    if not replicas:
        raise ValueError("it has none")
    names = [each.name for each in replicas]
    if len(set(names)) < len(names):
        raise ValueError("two have the same name")
