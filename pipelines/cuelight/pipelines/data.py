"""Data for pipelines: from files and tables, checked and brought into types that survive serving."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array
from cuelight.pipelines.metrics import CLASSIFICATION
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd

_LEAST_ROWS = 10
_MOST_SEGMENTS = 50


def from_csv(path: str | Path) -> Callable[[], pd.DataFrame]:
    """A `load` that reads a CSV file."""

    def load() -> pd.DataFrame:
        import pandas as pd

        return pd.read_csv(_existing(path))

    return load


def from_parquet(path: str | Path) -> Callable[[], pd.DataFrame]:
    """A `load` that reads a Parquet file."""

    def load() -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(_existing(path))

    return load


def from_sql(url: str, query: str) -> Callable[[], pd.DataFrame]:
    """A `load` that runs a SELECT, or reads a whole table by its name, on a database given by its SQLAlchemy URL."""

    def load() -> pd.DataFrame:
        import pandas as pd
        from sqlalchemy import create_engine, text

        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                if query.strip().isidentifier():
                    return pd.read_sql_table(query.strip(), connection)
                return pd.read_sql_query(text(query), connection)
        finally:
            engine.dispose()

    return load


def _existing(path: str | Path) -> Path:
    found = Path(path)
    if not found.is_file():
        raise BadInput(f"There is no file {found} (looked for from {Path.cwd()}).")
    return found


@dataclass(frozen=True)
class Data:
    """Checked rows: features, truth (rows,) or None, event times in epoch seconds (rows,) or None, groups or None."""

    features: pd.DataFrame
    truth: Array | None
    times: Array | None
    groups: Array | None
    fingerprint: str

    def __len__(self) -> int:
        return len(self.features)


def prepare(pipeline: TrainingPipeline, frame: pd.DataFrame) -> Data:
    """Check a loaded frame and split it into the parts that training needs.

    Whole numbers become floats, as integer columns can hold no missing value when they are served.

    Raises:
        BadInput: a column is missing or of a type that can't be served, the truth has gaps, or rows are too few.
    """
    _check(pipeline, frame)
    names = pipeline.feature_columns(frame)
    features = servable(frame[names].reset_index(drop=True))
    truth = frame[pipeline.target].to_numpy() if pipeline.target else None
    times = seconds(frame[pipeline.event_time]) if pipeline.event_time else None
    groups = frame[pipeline.group].to_numpy() if pipeline.group else None
    return Data(features, truth, times, groups, fingerprint(frame[pipeline.required_columns(frame)]))


def _check(pipeline: TrainingPipeline, frame: pd.DataFrame) -> None:
    where = f"Pipeline {pipeline.name!r}"
    missing = [each for each in pipeline.required_columns(frame) if each not in frame.columns]
    if missing:
        have = ", ".join(map(str, frame.columns))
        raise BadInput(f"{where}: its data has no column {missing[0]!r}; it has: {have}.")
    if not pipeline.feature_columns(frame):
        raise BadInput(f"{where}: its data has no column to learn from.")
    if len(frame) < _LEAST_ROWS:
        raise BadInput(f"{where}: {len(frame)} rows are too few to train on and to hold some out.")
    _check_segments(pipeline, frame, where)
    for column in (pipeline.target, pipeline.event_time):
        gaps = int(frame[column].isna().sum()) if column else 0
        if gaps:
            raise BadInput(f"{where}: column {column!r} is empty in {gaps} rows; drop or fill them in `load`.")
    if pipeline.task == CLASSIFICATION and frame[pipeline.target].nunique() < 2:
        raise BadInput(f"{where}: target {pipeline.target!r} has one class only, so there is nothing to learn.")


def _check_segments(pipeline: TrainingPipeline, frame: pd.DataFrame, where: str) -> None:
    column = pipeline.gate.segments
    if column and column not in pipeline.feature_columns(frame):
        raise BadInput(f"{where}: its gate names segments by {column!r}, which is none of its features.")
    if column and (values := frame[column].nunique()) > _MOST_SEGMENTS:
        raise BadInput(f"{where}: segments by {column!r} would be {values:,}; {_MOST_SEGMENTS} are the most.")


def servable(features: pd.DataFrame) -> pd.DataFrame:
    """Features as float64, bool or str columns: types that every protocol carries.

    Raises:
        BadInput: a column is of another type.
    """
    import pandas as pd
    from pandas.api import types

    columns = {}
    for name in features.columns:
        column = features[name]
        if types.is_bool_dtype(column.dtype) and not column.isna().any():
            columns[str(name)] = column.astype(bool)
        elif types.is_numeric_dtype(column.dtype):
            columns[str(name)] = column.astype("float64")
        elif types.is_string_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype):
            columns[str(name)] = column.astype(object).where(column.notna(), None)
        else:
            raise BadInput(f"Column {name!r} is of type {column.dtype}; a feature is a number, a flag or a text.")
    return pd.DataFrame(columns)


def seconds(times: pd.Series) -> Array:
    """Event times as seconds since the epoch: from datetimes (those without a zone are UTC), texts or numbers."""
    import pandas as pd
    from pandas.api import types

    if types.is_numeric_dtype(times.dtype):
        return np.asarray(times.to_numpy(dtype=float))
    stamps = pd.to_datetime(times, utc=True)
    return np.asarray((stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1), dtype=float)


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of names, types and values, row order included."""
    import pandas as pd

    digest = hashlib.sha256(repr([(str(name), str(kind)) for name, kind in frame.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()
