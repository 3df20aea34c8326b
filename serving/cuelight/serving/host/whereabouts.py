"""Who this host is, to the others that share the operations database."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from importlib import metadata
from urllib.parse import urlsplit

from cuelight.access.exposure import is_loopback
from cuelight.kit import files
from cuelight.kit.identity import new_id
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.host import Record

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound


def introduced(settings: Settings, started: float) -> Record:
    """What a host says of itself before it says what it serves; `started` in epoch seconds."""
    identity = replicas.identity(settings, settings.serving_replica)
    if not identity.exists():
        files.create(identity, new_id().encode())
    return Record(
        name=settings.host_name,
        folder=identity.read_text(),
        address=address(settings),
        port=settings.serving_port,
        zone=settings.serving_zone,
        cores=len(os.sched_getaffinity(0)),
        version=metadata.version("cuelight"),
        started=started,
    )


def address(settings: Settings) -> str:
    """Where other machines reach it; empty: nowhere."""
    if settings.serving_address:
        return settings.serving_address
    host = settings.serving_host
    found = _outward(settings.tracking_uri) if host in _EVERYWHERE else host
    return "" if is_loopback(found) else found


def _outward(url: str) -> str:
    """This machine's address on the way to `url`; nothing is sent there."""
    known = urlsplit(url)
    port = known.port or 443
    try:
        family, kind, *_, there = socket.getaddrinfo(known.hostname, port, type=socket.SOCK_DGRAM)[0]
        with closing(socket.socket(family, kind)) as probe:
            probe.connect(there)
            return str(probe.getsockname()[0])
    except OSError:
        return "localhost"
