"""A connection as the worker's loop sees it."""

from __future__ import annotations

import socket
from typing import Any

_CHUNK = 1 << 16
_MOST_AT_ONCE = 1 << 20  # bytes of one caller in one turn


class Line:
    """What a caller sent and was not answered yet, and what of its answer it has not taken yet.

    `busy`: a request is being answered: nothing is read until it is. `skip`: bytes still to come that nobody wants.
    `reserved`: bytes that this request may take of what the worker keeps for big ones. `deadline`: by when the caller
    has to go on, by `time.monotonic`.
    """

    __slots__ = ("buffer", "busy", "conn", "deadline", "out", "reserved", "skip", "sock")

    def __init__(self, conn: Any) -> None:
        self.conn = conn
        self.sock: socket.socket = conn.sock
        self.buffer = bytearray()
        self.out = memoryview(b"")
        self.busy = False
        self.skip = self.reserved = 0
        self.deadline = 0.0

    def receive(self) -> bool | None:
        """Take in what came; None: nothing did; False: the caller has gone."""
        came = 0
        while came < _MOST_AT_ONCE:
            try:
                chunk = self.sock.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                return False
            if not chunk:
                return bool(came)  # the end shows again when it is looked for next
            came += len(chunk)
            unwanted = min(self.skip, len(chunk))
            self.skip -= unwanted
            self.buffer += chunk[unwanted:] if unwanted else chunk
            if len(chunk) < _CHUNK:
                break
        return True if came else None

    def throw_away(self, start: int, length: int) -> None:
        """Drop the request at the buffer's start, with the body of which only a part has come."""
        have = min(len(self.buffer) - start, length)
        del self.buffer[: start + have]
        self.skip = length - have

    def send(self, content: bytes | memoryview) -> bool:
        """Hand `content` to the system; False: the rest of it waits in `out` for the caller to read on.

        Raises:
            OSError: the caller has gone.
        """
        try:
            sent = self.sock.send(content)
        except BlockingIOError:
            sent = 0
        if sent < len(content):
            self.out = memoryview(content)[sent:]
            return False
        self.out = memoryview(b"")
        return True
