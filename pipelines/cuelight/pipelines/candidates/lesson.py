"""What a candidate learns from, and what it is held against the champion on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuelight.pipelines.answers import Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Lesson:
    """What to fit on and what to be evaluated on.

    Attributes:
        features, truth: rows to fit on.
        held_features, held_truth: rows to be evaluated on; they become the reference.
        held_times, held_groups: when they came, in epoch seconds, and which belong together, where that is known.
        trained_until: epoch seconds of the latest fitted row.
        fingerprint: SHA-256 of all data that went in.
        comparable: positions of held-out rows that the champion was not fitted on either.
        why_not: why there are none, to complete "...".
        weights: how much each row to fit on counts, shape (rows,); None: all the same.
        policy: which rows were chosen to fit on, for people.
        journal_rows, journal_held: prediction_id and row of the journal's rows among those to fit on, and held out.
    """

    features: pd.DataFrame
    truth: Array | None
    held_features: pd.DataFrame
    held_truth: Array | None
    trained_until: float
    fingerprint: str
    comparable: Array
    why_not: str = ""
    weights: Array | None = None
    policy: str = "all"
    journal_rows: pd.DataFrame | None = None
    journal_held: pd.DataFrame | None = None
    held_times: Array | None = None
    held_groups: Array | None = None
