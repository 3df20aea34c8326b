"""Tables for the tests: a reference, windows with and without drift, and columns that crash reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cuelight.monitoring.examination.columns import Column, Kind

LEVELS = (2, 3, 4, 6, 10, 20)


def twenty_columns(generator: np.random.Generator, reference_rows: int, current_rows: int) -> list[Column]:
    """14 numeric columns (some skewed, some correlated) and 6 categorical ones, all without drift."""
    shared_before, shared_now = generator.normal(size=reference_rows), generator.normal(size=current_rows)
    columns = []
    for index in range(14):
        before, now = generator.normal(size=reference_rows), generator.normal(size=current_rows)
        if index % 3 == 1:
            before, now = np.exp(before), np.exp(now)
        if index % 3 == 2:
            before, now = 0.8 * before + 0.6 * shared_before, 0.8 * now + 0.6 * shared_now
        columns.append(Column(f"input.n{index}", Kind.NUMERIC, before, now))
    for index, levels in enumerate(LEVELS):
        shares = generator.dirichlet(np.full(levels, 2.0))
        old, new = (generator.choice(levels, size=rows, p=shares) for rows in (reference_rows, current_rows))
        columns.append(Column(f"input.c{index}", Kind.CATEGORICAL, old, new, tuple(map(str, range(levels)))))
    return columns


def part(columns: list[Column], start: int, stop: int) -> list[Column]:
    """The same reference with the rows [start, stop) of the window."""
    return [Column(each.name, each.kind, each.reference, each.current[start:stop], each.levels) for each in columns]


def scored(rows: int, seed: int, shift: float = 0.0, concept: float = 0.0) -> pd.DataFrame:
    """A journalled table: two numeric features and a text one, predictions of a linear model, labels with noise.

    `shift` moves a feature the model uses (and with it the predictions); `concept` changes the truth alone.
    """
    generator = np.random.default_rng(seed)
    used, unused = generator.normal(shift, 1.0, rows), generator.normal(0.0, 1.0, rows)
    town = generator.choice(["Ulm", "Bonn", "Kiel"], size=rows, p=[0.5, 0.3, 0.2])
    prediction = 3.0 * used + (town == "Ulm")
    return pd.DataFrame(
        {
            "input.used": used,
            "input.unused": unused,
            "input.town": town,
            "output.prediction": prediction,
            "label": prediction + generator.normal(0.0, 0.5, rows) + concept * used**2,
        }
    )


def nasty(rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and a window with every column that FACTS lists as fatal or misleading for a report."""
    reference, current = scored(rows, seed), scored(rows, seed + 1)
    for frame, side in ((reference, 0), (current, 1)):
        additions: dict[str, Any] = {
            "input.flag": np.arange(rows) % 2 == 0,
            "input.id": [f"{side}-{index}" for index in range(rows)],
            "input.small": (np.arange(rows) % 200).astype("uint8"),
            "input.nullable": pd.array([None if i % 7 == 0 else i % 90 for i in range(rows)], dtype="Int64"),
            "input.constant": 1.0,
            "input.when": pd.date_range("2026-01-01", periods=rows, freq="min"),
            "input.empty_in_both": np.nan,
            "input.list": [[1, 2]] * rows,
            "input.odd <name>/%": np.random.default_rng(seed + side).normal(size=rows),
        }
        for name, values in additions.items():
            frame[name] = values
    current["input.all_null"], reference["input.all_null"] = np.nan, np.arange(rows) * 0.5
    current["input.all_inf"], reference["input.all_inf"] = np.inf, np.arange(rows) * 0.5
    current["input.some_inf"] = np.where(np.arange(rows) % 50 == 0, np.inf, np.arange(rows) * 0.5)
    reference["input.some_inf"] = np.arange(rows) * 0.5
    current["input.typed"], reference["input.typed"] = "text", np.arange(rows) * 0.5
    current["input.spelled"], reference["input.spelled"] = 1.0, "one"
    reference["input.gone"] = 1.5 * np.arange(rows)
    current["input.new"] = 1.0
    return reference, current
