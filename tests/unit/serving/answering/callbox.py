"""Somebody behind the annex's door who gives each call the same answer."""

from __future__ import annotations

import socket
import threading

from cuelight.serving.answering.call import Call
from cuelight.serving.answering.door import cut


def answering(listener: socket.socket, content: bytes) -> list[Call]:
    """Take one call, answer with that, and hang up; the calls that came."""
    calls: list[Call] = []

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            buffer = bytearray()
            while (call := cut(buffer)) is None:
                buffer += connection.recv(5)
            calls.append(call)
            connection.sendall(content)

    threading.Thread(target=run, daemon=True).start()
    return calls
