"""Two versions side by side, from the requests and rows that both have answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from cuelight.journal.answers import PREDICTION, Labels, Numbers
from cuelight.journal.differences import ByClass, ByNumber, Difference, by_class, by_number, differing, usual_tolerance
from cuelight.journal.gain import Gain, gain

if TYPE_CHECKING:
    import pyarrow as pa

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Failure:
    """A request that the new version failed on, and what it said."""

    prediction_id: str
    status: int
    error: str


@dataclass(frozen=True)
class Row:
    """A row on which they differ; `size` as in `differences.Difference`, `label` where it has come."""

    prediction_id: str
    row: int
    old: str | float | None
    new: str | float | None
    size: float | None
    label: Any


@dataclass(frozen=True)
class Comparison:
    """What `old` in Production and `new` as its shadow made of the same requests.

    Attributes:
        first, last: when the first and the last of the requests came, seconds since the epoch.
        failed: requests that `old` answered and `new` did not; the newest of them are `failures`.
        old_ms, new_ms: percentiles of the latency, over the requests that both answered. A shadow's begins when it
            takes the call up, and is that of all calls that it predicts together.
        outputs, differing: by the output's name.
        gain: on labelled rows; None where no label has come, or the model has no single prediction.
    """

    model: str
    old: int
    new: int
    first: float
    last: float
    requests: int
    failed: int
    failures: Sequence[Failure]
    old_ms: Mapping[int, float]
    new_ms: Mapping[int, float]
    outputs: Mapping[str, ByClass | ByNumber]
    differing: Mapping[str, Sequence[Row]]
    gain: Gain | None


def compare(
    model: str,
    versions: tuple[int, int],
    requests: pa.Table,
    rows: pa.Table,
    answers: Mapping[str, Labels | Numbers],
    tolerance: float | None = None,
    top: int = 10,
) -> Comparison:
    """Compare what `Pairs` has read, at least one request.

    Args:
        answers: those in `rows`, by `answers.paired`.
        tolerance: up to which numbers count as equal, in their unit; `usual_tolerance` unless given.
        top: how many failures and differing rows are listed.
    """
    times, statuses = requests["time"].to_numpy(), requests["status"].to_numpy()
    labels = [None if each is None else orjson.loads(each) for each in _labels(rows)]
    allowed = {name: _allowed(given, tolerance) for name, given in answers.items()}
    answered = statuses == 200
    return Comparison(
        model=model,
        old=versions[0],
        new=versions[1],
        first=float(times.min()),
        last=float(times.max()),
        requests=len(times),
        failed=int(np.sum(~answered)),
        failures=[_failure(requests, place) for place in np.flatnonzero(~answered)[:top].tolist()],
        old_ms=percentiles(requests["old_ms"].to_numpy()[answered]),
        new_ms=percentiles(requests["new_ms"].to_numpy()[answered]),
        outputs={
            name: by_number(given, allowed[name]) if isinstance(given, Numbers) else by_class(given)
            for name, given in answers.items()
        },
        differing={
            name: [_row(rows, labels, each) for each in differing(given, top, allowed[name])]
            for name, given in answers.items()
        },
        gain=gain(answers[PREDICTION], labels) if PREDICTION in answers else None,
    )


def percentiles(values: Any) -> dict[int, float]:
    """p50, p95 and p99 of numbers (n,); empty where there are none."""
    return dict(zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist(), strict=True)) if len(values) else {}


def _labels(rows: pa.Table) -> list[str | None]:
    return list(rows["label"].to_pylist()) if "label" in rows.column_names else [None] * rows.num_rows


def _allowed(given: Labels | Numbers, tolerance: float | None) -> float:
    if isinstance(given, Labels):
        return 0.0
    return usual_tolerance(given.old) if tolerance is None else tolerance


def _row(rows: pa.Table, labels: Sequence[Any], found: Difference) -> Row:
    prediction_id, row = (rows[name][found.place].as_py() for name in ("prediction_id", "row"))
    return Row(prediction_id, row, found.old, found.new, found.size, labels[found.place])


def _failure(requests: pa.Table, place: int) -> Failure:
    return Failure(*(requests[name][place].as_py() for name in ("prediction_id", "status", "error")))
