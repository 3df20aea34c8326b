"""Fresh examples from the journal: what was asked, and what turned out to be true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cuelight.journal.query import Journal, Query
from cuelight.kit.errors import BadInput
from cuelight.pipelines.answers import Array
from cuelight.pipelines.data import Data
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 200_000
_INPUT = "input."


@dataclass(frozen=True)
class Fresh:
    """Journal rows in the order of time, with the columns and types of the pipeline's own data.

    `times` (rows,) are the moments of prediction, in epoch seconds. `keys` holds prediction_id and row.
    `unusable` counts rows left out, since a feature is missing or the label can't be read. `groups` (rows,) says which
    belong together; None: the journal does not hold the pipeline's group.
    """

    features: pd.DataFrame
    truth: Array | None
    times: Array
    keys: pd.DataFrame
    unusable: int = 0
    groups: Array | None = None

    def __len__(self) -> int:
        return len(self.times)

    def known_to(self, fitted: frozenset[tuple[str, int]]) -> Array:
        """Which rows are among those that a version was fitted on, as booleans (rows,)."""
        pairs = zip(self.keys["prediction_id"], self.keys["row"], strict=True)
        return np.fromiter((pair in fitted for pair in pairs), dtype=bool, count=len(self))


def fresh_rows(journal: Journal, pipeline: TrainingPipeline, base: Data) -> Fresh:
    """The newest labelled rows of the model (for clustering: all rows), of every version and track but shadows."""
    query = Query(pipeline.name, last_rows=_MOST_ROWS)
    return fresh_of(journal.labelled(query) if pipeline.target else journal.rows(query), base, pipeline.group)


def fresh_of(frame: pd.DataFrame, base: Data, group: str = "") -> Fresh:
    """Rows in the journal's columns, in the order of time, with the columns and types of the pipeline's own data.

    `group` is the pipeline's; the journal holds it where it is a feature too.
    """
    features = _features(frame, base.features)
    usable = _complete(features, base.features)
    truth = None
    if base.truth is not None:
        truth, readable = labels_like(frame["label"], base.truth)
        usable = usable & readable
        truth = truth[usable]
    return Fresh(
        features[usable].reset_index(drop=True),
        truth,
        frame["time"].to_numpy(dtype=float)[usable],
        frame[["prediction_id", "row"]][usable].reset_index(drop=True),
        int((~usable).sum()),
        features[group].to_numpy()[usable] if group in features else None,
    )


def _features(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    columns = {}
    for name in like.columns:
        if len(frame) and f"{_INPUT}{name}" not in frame.columns:
            raise BadInput(f"The journal has no column {name!r}: the serving versions were trained without it.")
        values = frame[f"{_INPUT}{name}"] if len(frame) else pd.Series([], dtype=like[name].dtype)
        if like[name].dtype.kind == "f":
            columns[name] = pd.to_numeric(values, errors="coerce").astype("float64")
        else:
            columns[name] = values.astype(object)
    return pd.DataFrame(columns, index=frame.index)


def _complete(features: pd.DataFrame, like: pd.DataFrame) -> Array:
    """Rows without gaps, but for columns that have gaps in the pipeline's own data as well."""
    strict = [name for name in like.columns if not like[name].isna().any()]
    return np.asarray(features[strict].notna().all(axis=1).to_numpy(dtype=bool))


def labels_like(labels: pd.Series, truth: Array) -> tuple[Array, Array]:
    """Labels in the type of `truth`, shape (rows,), and which of them could be read, as booleans (rows,)."""
    import pandas as pd

    kind = truth.dtype.kind
    if kind not in "iufb":
        readable = labels.notna().to_numpy(dtype=bool)
        return labels.astype(str).to_numpy(dtype=object), readable
    numbers = pd.to_numeric(labels, errors="coerce").to_numpy(dtype=float)
    readable = np.isfinite(numbers)
    if kind in "iu":
        readable = readable & (np.where(readable, numbers, 0.0) % 1.0 == 0.0)
    if kind == "b":
        readable = readable & np.isin(numbers, (0.0, 1.0))
    return np.where(readable, numbers, 0.0).astype(truth.dtype), readable
