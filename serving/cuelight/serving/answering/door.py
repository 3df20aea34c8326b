"""The way into the annex: a socket in the serving folder, and what is said there.

A call goes in as its length (8 bytes, little-endian) and itself in MessagePack; out comes the answer as the caller
gets it, HTTP/1.1 with a Content-Length. One call at a time on a connection.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import socket
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import msgspec

from cuelight.kit.errors import DeadlineExceeded, Unavailable
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.faults import LATE
from cuelight.serving.answering.outcome import Answer

GRACE_SECONDS = 1.0  # after a call's deadline: the annex says itself that it was missed
_LENGTH_BYTES, _BACKLOG = 8, 1024
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OURS = frozenset(("content-length", "date", "server", "connection"))  # whoever passes an answer on adds its own
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Call)


class Door:
    """The socket called `annex` in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> socket.socket:
        """Listen there; whoever did so before gets nothing any more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "annex").unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        with self._address() as address:
            listener.bind(address)
            Path(address).chmod(0o600)
        listener.listen(_BACKLOG)
        return listener

    def connect(self) -> socket.socket:
        """A connection that does not block.

        Raises:
            Unavailable: nobody listens, or too many are waiting to be heard.
        """
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        try:
            with self._address() as address:
                sock.connect(address)
        except OSError as fault:
            sock.close()
            raise Unavailable("Versions that are on no track can't be reached here now: try again.") from fault
        return sock

    def ask(self, call: Call) -> Answer:
        """Hand a call in and wait for its answer.

        Raises:
            Unavailable: the annex could not be reached, or was gone before it answered.
            DeadlineExceeded: it did not answer in time.
        """
        with self.connect() as sock:
            sock.settimeout(max(0.001, call.deadline - time.monotonic()) + GRACE_SECONDS)
            try:
                sock.sendall(encode(call))
                response = HTTPResponse(sock, method="POST")
                response.begin()
                headers = {name: value for name, value in response.getheaders() if name.lower() not in _OURS}
                return Answer(response.status, response.read(), headers)
            except TimeoutError:
                raise DeadlineExceeded(LATE) from None
            except (OSError, HTTPException) as fault:
                raise gone() from fault

    @contextlib.contextmanager
    def _address(self) -> Iterator[str]:
        """By the folder's descriptor: the path of a socket has at most 107 bytes (unix(7))."""
        descriptor = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}/annex"
        finally:
            os.close(descriptor)


def gone() -> Unavailable:
    """What a caller hears whose call was in the annex when that ended."""
    return Unavailable("The process that holds versions on no track ended before it answered: try again.")


def encode(call: Call) -> bytes:
    """A call as it is handed in; without a fault."""
    content = _ENCODER.encode(call)
    return len(content).to_bytes(_LENGTH_BYTES, "little") + content


def cut(buffer: bytearray) -> Call | None:
    """The call at the buffer's start, taken out of it; None: more has to come."""
    end = _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES], "little")
    if len(buffer) < max(end, _LENGTH_BYTES):
        return None
    with memoryview(buffer) as view:
        call = _DECODER.decode(view[_LENGTH_BYTES:end])
    del buffer[:end]
    return call


def missing(buffer: bytearray) -> float:
    """Bytes until the answer in the buffer is whole; infinite while that can't be told."""
    end = buffer.find(b"\r\n\r\n")
    found = _CONTENT_LENGTH.search(buffer, 0, end + 2) if end >= 0 else None
    return end + 4 + int(found[1]) - len(buffer) if found else math.inf
