"""What the same work costs in process, without any server: the estimator's own predict, with and without JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.goals import BARE, ROUND_TRIP
from benchmarks.models import Model

_ROWS = 64


def rows_per_second(model: Model, seconds: float) -> float:
    """How many rows a second `predict` answers when it is given 64 at a time."""
    rows = model.native(_ROWS)
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        model.bare.predict(rows)
        done += _ROWS
    return done / spent


def works(model: Model, count: int, body: bytes) -> dict[str, Callable[[], Any]]:
    """The kinds of work on `count` rows, each once a call; `body` holds them as MLflow's `dataframe_split`."""
    rows = model.native(count)

    def round_trip() -> bytes:
        split = orjson.loads(body)["dataframe_split"]
        return orjson.dumps({"predictions": model.bare.predict(_table(model, split)).tolist()})

    return {BARE: lambda: model.bare.predict(rows), ROUND_TRIP: round_trip}


def _table(model: Model, split: dict[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    return np.array(split["data"]) if model.numeric else pd.DataFrame(split["data"], columns=split["columns"])
