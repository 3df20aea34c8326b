"""Ports of loopback for servers that tests start, each given out once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

_FIRST, _EACH = 10_000, 2_000  # below those that the kernel gives to whoever connects


def _turns() -> Iterator[int]:
    """Those of this process of the run: another one of it takes none of them between a look and a start."""
    mine = _FIRST + _EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10)
    place = os.getpid()  # runs side by side begin elsewhere
    while True:
        yield mine + place % _EACH
        place += 1


_TURNS = _turns()


def free_port(count: int = 1) -> int:
    """A port that was free a moment ago, as were the next ones: so many in all."""
    while True:
        ports = [next(_TURNS) for _ in range(count)]
        with ExitStack() as stack, suppress(OSError):
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            if ports[-1] == ports[0] + count - 1:
                return ports[0]
