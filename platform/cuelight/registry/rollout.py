"""A schedule that raises a canary step by step, as people write it in a tag: `5,25,50,100 every 10m`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from cuelight.registry.percent import percent

_NONE = ("", "0", "off", "no", "none", "false")
_STEP = re.compile(r"\s*([0-9]{1,9})\s*([smhd])\s*")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # the longest first
_LONGEST_STEP = 366 * _SECONDS["d"]


@dataclass(frozen=True)
class Plan:
    """Shares in percent, each above the one before, and the least time for each in seconds; no shares, no rollout."""

    shares: tuple[float, ...] = ()
    seconds: int = 0

    def __str__(self) -> str:
        if not self.shares:
            return "off"
        unit = next(name for name, length in _SECONDS.items() if self.seconds % length == 0)
        shares = ",".join(f"{each:.10g}" for each in self.shares)
        return f"{shares} every {self.seconds // _SECONDS[unit]}{unit}"


OFF = Plan()


def read(text: str) -> Plan | None:
    """The plan in a tag's text; nothing and `off` are none at all, and what can't be read is None."""
    if text.strip().lower() in _NONE:
        return OFF
    listed, _, each = text.lower().partition("every")
    match, pieces = _STEP.fullmatch(each), listed.split(",")
    shares = tuple(share for share in map(percent, pieces) if share)
    rising = len(shares) == len(pieces) and all(low < high for low, high in pairwise(shares))
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    return Plan(shares, seconds) if rising and 0 < seconds <= _LONGEST_STEP else None
