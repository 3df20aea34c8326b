"""How far a version has come on this host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """How far a version has come on this host."""

    UNKNOWN = "unknown"
    FETCHED = "fetched"
    READY = "ready"
    REFUSED = "refused"


@dataclass(frozen=True)
class Fact:
    """What is known of a version; a refused one may be looked at again at `retry_at` (epoch seconds), if set."""

    phase: Phase = Phase.UNKNOWN
    digest: str = ""
    signed_by: str = ""
    reason: str = ""
    retry_at: float = float("inf")
