"""Identifiers: unique, and sorted by the moment they were made; and who runs this process."""

from __future__ import annotations

import getpass
import os
import re
import time

_DIGITS = 20  # of 80 random bits
_AT_ONCE = 256
_random: list[str] = []  # drawn from the system many at once: one call costs more than all else here
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> str:
    """32 hexadecimal digits: 48 bits of milliseconds, 80 random ones (the order of RFC 9562's UUIDv7)."""
    return f"{time.time_ns() // 1_000_000:012x}{_draw()}"


def born(given: str) -> float | None:
    """When an identifier was made, in seconds since the epoch; None if it is none of `new_id`."""
    return int(given[:12], 16) / 1000.0 if re.fullmatch("[0-9a-f]{32}", given) else None


def user() -> str:
    """Name of the system's user who runs this process; the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _draw() -> str:
    try:
        return _random.pop()
    except IndexError:
        drawn = os.urandom(_DIGITS // 2 * _AT_ONCE).hex()
        _random.extend(drawn[i : i + _DIGITS] for i in range(_DIGITS, len(drawn), _DIGITS))
        return drawn[:_DIGITS]
