from __future__ import annotations

import gc
import os
from pathlib import Path

from cuelight.serving.versions import memory


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_was_freed_goes_back_to_the_system() -> None:
    """Arrays too small for pages of their own, freed between ones that stay: glibc keeps them until it is asked."""
    arrays = [bytearray(b"x") * 60_000 for _ in range(1000)]
    kept = arrays[::10]
    del arrays
    before = _resident()
    memory.give_back()
    assert _resident() < before - 30_000_000
    assert len(kept) == 100


def test_what_was_there_before_a_fork_is_left_out_of_collections() -> None:
    """A child's full collection need not touch it."""
    there = len(gc.get_objects())
    memory.share()
    try:
        assert gc.get_freeze_count() > 0.8 * there
        assert len(gc.get_objects()) < 0.2 * there
    finally:
        gc.unfreeze()
