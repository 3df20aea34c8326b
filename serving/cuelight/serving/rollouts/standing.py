"""How a version on trial in live traffic stands against the one that it is compared with."""

from __future__ import annotations

from enum import StrEnum


class Standing(StrEnum):
    """What the checks of a canary, or of a new Production version, say so far: too little to tell is not *fine*."""

    NOT_ENOUGH = "not enough data"
    FINE = "fine"
    WORSE = "worse"
