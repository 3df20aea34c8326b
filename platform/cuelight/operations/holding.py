"""A name held while a block runs, however long that takes: the lease is short, and renewed from a thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cuelight.kit.clock import Clock
from cuelight.kit.errors import Busy, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.operations.database import Operations

_log = Log("operations.holding")


def unique_holder() -> str:
    """Who this is, to others who want the same: host, process, and an id, since processes' numbers are used anew."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()}"


@contextmanager
def held(operations: Operations, name: str, seconds: float, clock: Clock) -> Iterator[Callable[[], None]]:
    """Hold `name`; a holder that is killed loses it after `seconds`. What is given is to be called before what is
    done becomes known to others: it renews the lease, and raises `Unavailable` if another holds the name by now.

    Raises:
        Busy: another holder has it.
    """
    lease = operations.acquire(name, unique_holder(), seconds, clock.now())
    if lease is None:
        raise Busy(f"Another process is at work on {name}: wait for it to end.", retry_after=seconds)
    done = threading.Event()

    def confirm() -> None:
        if not operations.renew(lease, seconds, clock.now()):
            raise Unavailable(f"Another process is at work on {name} by now: what was done here is dropped.")

    def renew() -> None:
        while not done.wait(seconds / 3.0):
            try:
                confirm()
            except Unavailable as error:  # tried again at the next turn, and confirmed before anything is known
                _log.warning("lease-not-renewed", str(error), name=name)

    thread = threading.Thread(target=renew, name=f"lease {name}", daemon=True)
    thread.start()
    try:
        yield confirm
    finally:
        done.set()
        thread.join()
        operations.release(lease)
