"""Identifiers: unique, and sorted by the moment they were made."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """32 hexadecimal digits: 48 bits of milliseconds, 80 random ones (the order of RFC 9562's UUIDv7)."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
