"""Who this host is, to the others that share the operations database."""

from __future__ import annotations

import os
import socket
from contextlib import closing, suppress
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from cuelight.access.exposure import is_loopback
from cuelight.kit import files
from cuelight.kit.identity import new_id
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.host import Record

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound


def introduced(settings: Settings, started: float, address: str) -> Record:
    """What a host says of itself before it says what it serves; `started` in epoch seconds."""
    identity = replicas.identity(settings, settings.serving_replica)
    if not identity.exists():
        files.create(identity, new_id().encode())
    return Record(
        name=settings.host_name,
        folder=identity.read_text(),
        address=address,
        port=settings.serving_port,
        zone=settings.serving_zone,
        cores=len(os.sched_getaffinity(0)),
        version=metadata.version("cuelight"),
        started=started,
    )


class Whereabouts:
    """Where other machines reach this one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._way: tuple[socket.AddressFamily, socket.SocketKind, Any] | None = None
        self._found = ""

    def address(self) -> str:
        """As it is now; empty: nowhere. What was found is good while it can't be found anew: the host serves on."""
        if self._settings.serving_address:
            return self._settings.serving_address
        found = self._settings.serving_host
        if found in _EVERYWHERE:
            with suppress(OSError):
                self._found = self._outward()
            found = self._found
        return "" if found in _EVERYWHERE or is_loopback(found) else found

    def _outward(self) -> str:
        """This machine's address on the way to the registry, of which the name is looked up once; nothing is sent."""
        if self._way is None:
            known = urlsplit(self._settings.tracking_uri)
            self._way = _way(known.hostname, known.port or 443)
        family, kind, there = self._way
        with closing(socket.socket(family, kind)) as probe:
            probe.connect(there)
            return str(probe.getsockname()[0])


def _way(name: str | None, port: int) -> tuple[socket.AddressFamily, socket.SocketKind, Any]:
    family, kind, *_, there = socket.getaddrinfo(name, port, type=socket.SOCK_DGRAM)[0]
    return family, kind, there
