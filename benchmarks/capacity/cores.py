"""Which cores this thread, and what it starts, may run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

ALL = sorted(os.sched_getaffinity(0))
CALLER, SERVER = ALL[0], ALL[-1]


@contextmanager
def on(core: int) -> Iterator[None]:
    """This core alone, while the block runs; processes that it starts stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
