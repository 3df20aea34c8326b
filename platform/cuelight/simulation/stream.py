"""What is played: the rows of a table in the order of time, and what the first version learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cuelight.kit.clock import utc
from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.data import Data, from_csv, from_parquet, prepare, seconds
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd

# Where a table without times begins: a Monday.
START = 1_704_067_200.0
_READERS = {".csv": from_csv, ".parquet": from_parquet}


@dataclass(frozen=True)
class Timing:
    """When each row comes: by a column, or so many rows a minute in the order of the table; neither: `event_time`."""

    column: str = ""
    rate: float | None = None


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time.

    Attributes:
        pipeline: the one that was asked for, as it fits the table: with its time column only if the table goes by it.
        base: what the first version learns from, all of it earlier than any row of the stream.
        features: rows x columns; truth: (rows,); times: (rows,), seconds since the epoch.
    """

    pipeline: TrainingPipeline
    base: Data
    features: pd.DataFrame
    truth: Array
    times: Array

    def __len__(self) -> int:
        return len(self.times)


def read_table(path: Path) -> pd.DataFrame:
    """A table from a CSV or Parquet file.

    Raises:
        BadInput: the name has another ending, or there is no such file.
        PipelineFault: it can't be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: the name must end in {' or '.join(_READERS)}.")
    with blamed(f"Reading {path}"):
        return reader(path)()


def arrange(
    pipeline: TrainingPipeline,
    table: pd.DataFrame,
    timing: Timing,
    start: pd.DataFrame | None = None,
    start_rows: int | None = None,
) -> Stream:
    """Bring a table into the order of time. The first version learns from `start`, else from its first `start_rows`.

    Without either the first fifth of the table is learned from.

    Raises:
        BadInput: a column is missing or unfit, there is no truth, no time, or what is learned from is not earlier.
    """
    if not pipeline.target:
        raise BadInput(
            f"Pipeline {pipeline.name!r} has no target: without a truth no loop can be held against another."
        )
    times = _times(pipeline, table, timing)
    order = np.argsort(times, kind="stable")
    table, times = table.iloc[order].reset_index(drop=True), times[order]
    pipeline = _fitting(pipeline, table, timing)
    if start is None:
        first = len(table) // 5 if start_rows is None else start_rows
        if not 0 < first < len(table):
            raise BadInput(f"The table has {len(table):,} rows: it can't begin with {first:,} to learn from.")
        start, table, times = table[:first], table[first:].reset_index(drop=True), times[first:]
    base, rows = prepare(pipeline, start), prepare(pipeline, table)
    if rows.truth is None:
        raise BadInput(f"Pipeline {pipeline.name!r} has no truth.")
    if base.times is not None and base.times.max() > times[0]:
        raise BadInput(
            f"What the first version learns from goes on to {utc(base.times.max())}, and the stream begins at "
            f"{utc(times[0])}: the loop would know its future. Take out the later rows, or give --start-rows."
        )
    return Stream(pipeline, base, rows.features, rows.truth, times)


def _times(pipeline: TrainingPipeline, table: pd.DataFrame, timing: Timing) -> Array:
    if timing.rate is not None:
        if not 0.0 < timing.rate < np.inf:
            raise BadInput(f"{timing.rate:g} rows a minute is no rate.")
        return START + np.arange(len(table)) * (60.0 / timing.rate)
    column = timing.column or pipeline.event_time
    if not column:
        raise BadInput(
            f"Pipeline {pipeline.name!r} has no event_time: name the column with the time of each row (--time), or say "
            "how many rows come a minute, in the order of the table (--rate)."
        )
    if column not in table:
        raise BadInput(f"The table has no column {column!r}; it has: {', '.join(map(str, table.columns))}.")
    try:
        times = seconds(table[column])
    except (ValueError, TypeError) as error:
        raise BadInput(f"Column {column!r} holds no times: {str(error).splitlines()[0]}") from error
    if not np.isfinite(times).all():
        raise BadInput(
            f"Column {column!r} is empty in {int((~np.isfinite(times)).sum()):,} rows: drop or fill them in."
        )
    return times


def _fitting(pipeline: TrainingPipeline, table: pd.DataFrame, timing: Timing) -> TrainingPipeline:
    """The pipeline without its own times where the table goes by others; a column of times is no feature then."""
    if timing.rate is None and timing.column in ("", pipeline.event_time):
        return pipeline
    features = [each for each in pipeline.feature_columns(table) if each != timing.column or each in pipeline.features]
    return replace(pipeline, features=tuple(features), event_time="")
