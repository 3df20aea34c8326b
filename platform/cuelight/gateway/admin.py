"""Envoy's admin interface, by its socket."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path

from cuelight.gateway.places import ADMIN_SOCKET

_TIMEOUT = 2.0


def ask(folder: Path, method: str, path: str) -> bytes:
    """What the admin interface of the Envoy in `folder` answers.

    Raises:
        OSError, http.client.HTTPException: it does not.
    """
    # Through the open folder, since its own path may be longer than the kernel allows a socket's.
    opened = os.open(folder, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(f"/proc/self/fd/{opened}/{ADMIN_SOCKET}")
            client = http.client.HTTPConnection("localhost")
            client.sock = connection
            client.request(method, path)
            return client.getresponse().read()
    finally:
        os.close(opened)
