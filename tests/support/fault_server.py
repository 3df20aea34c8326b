"""A server that fails on purpose: it reads a request and lets a function do what it likes with the socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Fault = Callable[[socket.socket, threading.Event], None]


@contextmanager
def failing(fault: Fault, speaks_first: bool = False) -> Iterator[str]:
    """The URL of a server on which every request meets `fault`; the event is set when the server ends.

    One that `speaks_first` waits for no request: as mail servers do.
    """
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=_accept, args=(listener, fault, ended, speaks_first), daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)


def _accept(listener: socket.socket, fault: Fault, ended: threading.Event, speaks_first: bool) -> None:
    with suppress(OSError):
        while not ended.is_set():
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, fault, ended, speaks_first), daemon=True).start()


def _serve(connection: socket.socket, fault: Fault, ended: threading.Event, speaks_first: bool) -> None:
    with connection, suppress(OSError):
        if not speaks_first:
            connection.recv(1 << 16)
        fault(connection, ended)


def answer(body: bytes, status: str = "200 OK", length: int | None = None) -> Fault:
    """Send this body, with a Content-Length that may lie."""
    size = len(body) if length is None else length
    kind = "Content-Type: application/json\r\nConnection: close"
    head = f"HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {size}\r\n\r\n".encode()
    return lambda connection, _: connection.sendall(head + body)


def hang(connection: socket.socket, ended: threading.Event) -> None:
    """Say nothing, and keep the connection."""
    del connection
    ended.wait()


def drip(head: bytes, piece: bytes, seconds: float = 0.05) -> Fault:
    """Send `head` at once, and then `piece` every so often, for ever."""

    def fault(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(head)
        while not ended.wait(seconds):
            connection.sendall(piece)

    return fault


def flood(connection: socket.socket, ended: threading.Event) -> None:
    """Send an endless answer as fast as it goes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not ended.is_set():
        connection.sendall(b" " * (1 << 20))
