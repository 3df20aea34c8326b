"""A name held while a block runs, however long that takes: the lease is short, and renewed from a thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cuelight.kit.clock import Clock
from cuelight.kit.errors import Busy, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.operations.database import Operations
from cuelight.operations.leases import Lease

_PAUSE_SECONDS = 1.0
_log = Log("operations.holding")
T = TypeVar("T")


def unique_holder() -> str:
    """Who this is, to others who want the same: host, process, and an id, since processes' numbers are used anew."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()}"


def patiently(ask: Callable[[], T], seconds: float, clock: Clock) -> T:
    """What `ask` gives, which asks the operations database: asked again while that is away, for so long.

    For what is long in the making, and safe to be asked twice: a restart of the database must not cost it.

    Raises:
        Unavailable: it is away for longer.
    """
    until, never, trouble = clock.monotonic() + seconds, threading.Event(), ""
    while True:
        try:
            return ask()
        except Unavailable as error:
            if clock.monotonic() >= until:
                raise
            if str(error) != trouble:
                trouble = str(error)
                _log.warning("database-waited-for", trouble)
        clock.wait(never, _PAUSE_SECONDS)


@contextmanager
def held(operations: Operations, name: str, seconds: float, clock: Clock) -> Iterator[Callable[[], None]]:
    """Hold `name`; a holder that is killed loses it after `seconds`. What is given is to be called before what is
    done becomes known to others: it renews the lease, and raises `Unavailable` if another holds the name by now. It
    waits for a database that is away, as long as `patiently` does for so many seconds.

    Raises:
        Busy: another holder has it.
    """
    lease = operations.acquire(name, unique_holder(), seconds, clock.now())
    if lease is None:
        raise Busy(f"Another process is at work on {name}: wait for it to end.", retry_after=seconds)
    done = threading.Event()

    def renewed() -> bool:
        return operations.renew(lease, seconds, clock.now())

    def confirm() -> None:
        if not patiently(renewed, seconds, clock):
            raise Unavailable(f"Another process is at work on {name} by now: what was done here is dropped.")

    def renew() -> None:
        while not done.wait(seconds / 3.0):
            try:
                renewed()
            except Unavailable as error:  # tried again at the next turn, and confirmed before anything is known
                _log.warning("lease-not-renewed", str(error), name=name)

    thread = threading.Thread(target=renew, name=f"lease {name}", daemon=True)
    thread.start()
    try:
        yield confirm
    finally:
        done.set()
        thread.join()
        _release(operations, lease)


def _release(operations: Operations, lease: Lease) -> None:
    """Nobody fails at the very end for want of the database: the lease runs out by itself."""
    try:
        operations.release(lease)
    except Unavailable as error:
        _log.warning("lease-not-released", str(error), name=lease.name)
