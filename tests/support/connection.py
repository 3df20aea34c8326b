"""A connection to the scoring server, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.host import Host


@contextmanager
def connected(host: Host) -> Iterator[socket.socket]:
    """A connection to the server."""
    with socket.create_connection(("127.0.0.1", host.settings.serving_port), timeout=60) as connection:
        yield connection


def head(model: str, length: int, *fields: str) -> bytes:
    """The head of a scoring request."""
    lines = [f"POST /models/{model}/invocations HTTP/1.1", "Host: x", "Content-Type: application/json", *fields]
    return ("\r\n".join([*lines, f"Content-Length: {length}"]) + "\r\n\r\n").encode()


def answers(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """The answers that come, one after the other: status and body."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            received += more(connection)
        top, received = received.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b":", 1) for line in top.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(received) < length:
            received += more(connection)
        yield int(top.split()[1]), received[:length]
        received = received[length:]


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """The one answer that comes."""
    return next(answers(connection))


def more(connection: socket.socket) -> bytes:
    """What comes next."""
    chunk = connection.recv(65536)
    assert chunk, "the connection was closed before its answer"
    return chunk
