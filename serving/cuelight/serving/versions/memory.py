"""What a process does for its memory: pages shared across a fork stay shared, and what is free goes back."""

from __future__ import annotations

import ctypes
import gc


def share() -> None:
    """Before a fork: leave what is there out of all later collections.

    A full collection writes to every object that it looks at: in a child, that makes each page its own.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return to the system what this process has freed.

    Loading a version frees twice its size again, and forgetting one frees the rest. glibc keeps most of it, since a
    large model consists of many arrays of less than a megabyte.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)  # other threads go on meanwhile: ctypes holds no lock of Python's
