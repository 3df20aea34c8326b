"""What a drift report says in a word: known to those who make reports, and to all who go by them."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a report says in a word."""

    OK = "ok"
    WATCH = "watch"
    DRIFT = "drift"
    DEGRADED = "degraded"
    BAD_DATA = "bad data"
    NOT_ENOUGH_DATA = "not enough data"
