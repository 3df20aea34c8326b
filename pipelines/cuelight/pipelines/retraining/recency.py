"""Which of the rows that may be fitted on are, and how much each counts: all, the recent ones, or by age. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuelight.kit.clock import parse_span
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.pipelines.answers import Array

ALL, RECENT, WEIGHTED = "all", "recent", "weighted"


@dataclass(frozen=True)
class Recency:
    """A policy of rows. What is recent is so many `rows`, or so many `seconds`; one of them is 0.

    Attributes:
        policy: `ALL`; `RECENT`: no older than that; `WEIGHTED`: a row that is older by that counts half as much.
    """

    policy: str = ALL
    rows: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Recency:
        """That of a model's settings.

        Raises:
            Misconfigured: `retrain.recent` is neither a number of rows nor a time.
        """
        text = settings.retrain_recent.strip()
        rows, seconds = int(text) if text.isdecimal() else 0, parse_span(text) or 0.0
        if not rows and not seconds:
            raise Misconfigured(f"Setting `retrain.recent` is {text!r}: write a number of rows, or a time such as 30d.")
        return cls(settings.retrain_rows, rows, seconds)

    def __str__(self) -> str:
        if self.policy == ALL:
            return ALL
        much = f"{self.rows:,} rows" if self.rows else f"{self.seconds:,.0f} s"
        return f"{self.policy}, {'half-life ' if self.policy == WEIGHTED else ''}{much}"

    def weights(self, times: Array) -> Array:
        """How much each row counts, shape (rows,), 1 for the newest; 0: it is left out.

        `times` (rows,) are in seconds; rows without one have -inf. They count as older than all others: by a number
        of rows, by so many as there are others; by time, as old as the oldest of them; no recent row is among them.
        """
        if self.policy == ALL or not len(times):
            return np.ones(len(times))
        ages = self._ages(np.asarray(times, dtype=float))
        limit = float(self.rows or self.seconds)
        recent = (ages < limit) & np.isfinite(times)
        return recent.astype(float) if self.policy == RECENT else np.asarray(0.5 ** (ages / limit))

    def _ages(self, times: Array) -> Array:
        """In rows or in seconds, shape (rows,); rows of one moment have one age."""
        dated = np.sort(times[np.isfinite(times)])
        if not len(dated):
            return np.zeros(len(times))
        if self.rows:
            return np.asarray(len(dated) - np.searchsorted(dated, times, side="right"), dtype=float)
        return np.asarray(dated[-1] - np.maximum(times, dated[0]))
