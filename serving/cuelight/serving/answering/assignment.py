"""Which callers a canary answers, and which requests are mirrored: pure functions of the model's name and a key.

Every key has a place between 0 and 1, spread evenly by a keyed hash; the canary answers those below its share. So a
caller stays where he is on every worker, host and restart, and raising the share moves only new callers to the canary.
The model's name goes in, so that it is not the same callers who meet every model's canary.
"""

from __future__ import annotations

from hashlib import blake2b

# These set the uses of the hash apart from all others.
_CANARY, _SHADOW, _ORDER = b"cuelight.canary", b"cuelight.shadow", b"cuelight.order"
_PLACES = 2.0**64


def place(model: str, key: str, use: bytes = _CANARY) -> float:
    """Where a key stands, from 0 up to but not including 1."""
    digest = blake2b(model.encode() + b"\0" + key.encode("utf-8", "surrogateescape"), digest_size=8, person=use)
    return min(int.from_bytes(digest.digest(), "big") / _PLACES, 1.0 - 2.0**-53)


def is_canary(model: str, key: str, percent: float) -> bool:
    """Whether the canary answers this caller, where it has `percent` of them."""
    return percent > 0.0 and place(model, key) < percent / 100.0


def is_control(model: str, key: str, percent: float) -> bool:
    """Whether this caller stays with the version before, where it keeps `percent` of them: those a canary met last."""
    return percent > 0.0 and place(model, key) >= 1.0 - percent / 100.0


def is_mirrored(model: str, prediction_id: str, percent: float) -> bool:
    """Whether a request is mirrored, where `percent` of them are."""
    return percent > 0.0 and place(model, prediction_id, _SHADOW) < percent / 100.0


def is_first(model: str, prediction_id: str) -> bool:
    """Whether the version that answered a request is asked first in its rematch: of half of them, it is."""
    return place(model, prediction_id, _ORDER) < 0.5
