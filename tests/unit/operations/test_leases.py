from __future__ import annotations

import os
import signal
from typing import Any

from cuelight.operations.database import Operations
from tests.support.processes import killed_after, race


def _fight(url: str, name: str, start: Any, results: Any) -> None:
    operations = Operations(url)
    start.wait()
    lease = operations.acquire(name, f"process {os.getpid()}", 10.0, 100.0)
    results.put(lease.holder if lease else None)


def test_one_of_many_processes_has_the_lease(url: str) -> None:
    """Of processes that reach for a name at once just one holds it: when it is new, and when it has expired."""
    assert len(race(_fight, url, "new")) == 1
    assert Operations(url).acquire("old", "before", 5.0, 90.0) is not None
    assert len(race(_fight, url, "old")) == 1


def _hold(url: str, results: Any) -> None:
    results.put(Operations(url).acquire("job", "killed", 10.0, 100.0))
    signal.pause()


def test_a_killed_holder_loses_it_when_it_expires(url: str) -> None:
    """A lease whose holder was killed stays until its time is over, and then is another's, with a higher token."""
    first = killed_after(_hold, url)
    operations = Operations(url)
    assert operations.acquire("job", "next", 10.0, 109.9) is None
    second = operations.acquire("job", "next", 10.0, 110.0)
    assert second is not None
    assert second.token > first.token
    assert not operations.renew(first, 10.0, 111.0)


def test_a_lease_is_renewed_released_and_fenced(url: str) -> None:
    """Renewing moves the end, releasing frees at once, and a stale holder can do neither."""
    operations = Operations(url)
    first = operations.acquire("job", "one", 10.0, 0.0)
    assert first is not None
    assert operations.acquire("job", "one", 10.0, 5.0) is None
    assert operations.renew(first, 10.0, 8.0)
    assert operations.acquire("job", "two", 10.0, 15.0) is None
    operations.release(first)
    second = operations.acquire("job", "two", 10.0, 15.0)
    assert second is not None
    operations.release(first)
    assert operations.acquire("job", "three", 10.0, 16.0) is None
    assert operations.acquire("another job", "three", 10.0, 16.0) is not None
