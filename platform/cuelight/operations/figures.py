"""The last drift report's figures, as a file for the programs of a host: who reads it needs no database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from cuelight.kit import files


class Figures(msgspec.Struct, frozen=True):
    """What a report on a window of one version found; `at` in seconds since the epoch.

    Attributes:
        scores: by column, the calibrated score of its distance from the reference, in standard deviations.
        drifted: how many columns have drifted.
        quality: the usual figures of the labelled rows; empty where there are too few. None: no number.
        loss, reference_loss, loss_score: mean loss of the window and of the reference, and Welch's statistic of their
            difference (positive: worse); None without labels.
    """

    model: str
    version: int
    at: float
    verdict: str
    rows: int
    labelled: int
    drifted: int = 0
    scores: Mapping[str, float | None] = {}
    quality: Mapping[str, float | None] = {}
    loss: float | None = None
    reference_loss: float | None = None
    loss_score: float | None = None


def write(folder: Path, figures: Figures) -> None:
    """Put a model's figures in place of its last ones."""
    name = hashlib.sha256(figures.model.encode()).hexdigest()[:32]
    files.replace(folder / f"{name}.json", msgspec.json.encode(figures), lasting=False)


def read(folder: Path) -> Iterator[Figures]:
    """Each model's last figures; what can't be read is passed by."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Figures)
        except (OSError, ValueError):  # msgspec's errors are ValueErrors
            continue
