"""Processes that do one thing at once, or that are killed at it.

They are forked by a process without threads that is there for that alone: of those of other tests, which would be
forked along, locks may be held for good. What they run is a function of a module.
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import Any

CLEAN = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload(["cuelight.operations.database"])


def race(target: Any, *arguments: Any) -> list[Any]:
    """What those who got something have of six processes let go at once: `target(*arguments, start, results)`."""
    start, results = CLEAN.Barrier(6), CLEAN.Queue()
    processes = [CLEAN.Process(target=target, args=(*arguments, start, results)) for _ in range(6)]
    for each in processes:
        each.start()
    found = [results.get(timeout=200) for _ in processes]
    for each in processes:
        each.join()
    return [each for each in found if each is not None]


def killed_after(target: Any, *arguments: Any) -> Any:
    """What a process got that was killed once it had it: `target(*arguments, results)` puts it there and pauses."""
    results = CLEAN.Queue()
    process = CLEAN.Process(target=target, args=(*arguments, results))
    process.start()
    found = results.get(timeout=200)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return found
