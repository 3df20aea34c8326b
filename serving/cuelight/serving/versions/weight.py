"""What a version takes in memory: by how much a process grows that loads it.

To be found out in the trial: nothing else goes on there. In a process that answers, others come and go meanwhile, and
what an earlier version left is used again; and there it would be known too late, when the memory is taken.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuelight.serving.versions import memory

_SECONDS, _MOST_COPIES = 0.2, 8
_LEAST, _ENOUGH = 1 << 16, 1 << 26  # bytes: less is lost among pages that were free; more needs no mean


@dataclass(frozen=True)
class Weight:
    """`resident`: bytes by which a process grows; `peak`: at most, while it loads."""

    resident: int
    peak: int


def weigh(load: Callable[[], Any]) -> Weight:
    """What one more of what `load` makes weighs; one of them should be there already, with what it imports.

    The mean of several where that is quick: the first of them fill gaps that others will not find. Pages that are
    mapped from a file count as the others: they are in memory as long as it is used.
    """
    memory.give_back()
    before, until = resident(), time.monotonic() + _SECONDS
    _forget_peak()
    copies, peak = [load()], _peak() - before
    while len(copies) < _MOST_COPIES and time.monotonic() < until and resident() - before < _ENOUGH:
        copies.append(load())
    memory.give_back()
    size = max(_LEAST, (resident() - before) // len(copies))
    return Weight(size, max(size, peak))


def resident() -> int:
    """Bytes of this process that are in memory, those that it shares with others included (proc(5), `statm`)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # a kernel may not offer it (proc(5), `clear_refs`): then the peak is an old one
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0
