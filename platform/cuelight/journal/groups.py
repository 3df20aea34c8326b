"""Quality of what was served, by version, track, arm, time and the values of input columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.journal.answers import PREDICTION, Numbers, outputs
from cuelight.journal.quality import CLASSIFICATION, REGRESSION, Quality, measure
from cuelight.journal.query import Journal, Query
from cuelight.kit.errors import BadInput, NotFound

if TYPE_CHECKING:
    import pandas as pd

SHARED = ("version", "track", "arm")
LEAST = 30  # labelled rows; the figures of fewer are mostly chance
_WINDOW = "window"
_MOST = 1000  # groups
_LOOKED_AT = 2000  # rows, to see what a model answers


@dataclass(frozen=True)
class Group:
    """Rows that are alike in what they were grouped by.

    Attributes:
        key: the value of each column, None where it is missing.
        since: when its window begins, seconds since the epoch; None where time is not cut.
        predicted: rows that were answered; `labelled` of them have a label by now.
        quality: None: too few of them have a label to tell.
    """

    key: Mapping[str, Any]
    since: float | None
    predicted: int
    labelled: int
    quality: Quality | None


@dataclass(frozen=True)
class Cut:
    """How rows are grouped: `by` the values of columns, and in windows of so many seconds of their own time.

    A column is `version`, `track`, `arm`, or one of the model's inputs by its name (or as `input.<name>`).
    """

    by: Sequence[str] = ("version",)
    every: float | None = None


def groups(journal: Journal, query: Query, cut: Cut, task: str, least: int = LEAST) -> list[Group]:
    """The groups that the window has, in the order of time and keys; empty where nothing was predicted.

    Raises:
        NotFound: the rows have no such column; the message names those there are.
        BadInput: it would be more than a thousand groups.
    """
    known = journal.columns(query)
    if not known:
        return []
    columns = {name: _column(name, known) for name in cut.by}
    counts = journal.counts(query, list(columns.values()), cut.every).to_pylist()
    if len(counts) > _MOST:
        raise BadInput(f"By {_words(cut)} there are {len(counts):,} groups, more than {_MOST:,}. Choose fewer.")
    names = [name for name in known if name.startswith("output.")]
    parts = _parts(journal.labelled(query, [*columns.values(), *names]), list(columns.values()), cut.every)
    found = [_group(each, columns, parts, task, least) for each in counts if each["rows"]]
    return sorted(found, key=lambda each: (each.since or 0.0, [_place(value) for value in each.key.values()]))


def task_of(journal: Journal, query: Query) -> str:
    """Whether the model's newest answers are classes or numbers, as `answers.outputs` tells them apart.

    Raises:
        BadInput: it has no single prediction a row.
    """
    names = journal.outputs(query)
    table = journal.rows_table(replace(query, last_rows=_LOOKED_AT), names)
    given = outputs(table, table).get(PREDICTION)
    if given is None:
        raise BadInput(f"{query.model} has no single prediction a row, so labels can't be held against it.")
    return REGRESSION if isinstance(given, Numbers) else CLASSIFICATION


def _group(
    count: Mapping[str, Any],
    columns: Mapping[str, str],
    parts: Mapping[tuple[Any, ...], pd.DataFrame],
    task: str,
    least: int,
) -> Group:
    key = {name: count[column] for name, column in columns.items()}
    since = count.get(_WINDOW)
    part = parts.get((*key.values(), since))
    quality = Quality() if part is None else measure(part, task)
    return Group(
        key=key,
        since=since,
        predicted=count["rows"],
        labelled=0 if part is None else len(part),
        quality=quality if quality.rows >= max(1, least) else None,
    )


def _parts(frame: pd.DataFrame, by: Sequence[str], every: float | None) -> dict[tuple[Any, ...], pd.DataFrame]:
    """The labelled rows by the values of the columns, and the beginning of their window (None without `every`)."""
    if frame.empty:
        return {}
    window = None if every is None else np.floor(frame["time"] / every) * every
    keyed = frame.assign(**{_WINDOW: window})
    return {
        tuple(None if _is_missing(each) else each for each in key): part
        for key, part in keyed.groupby([*by, _WINDOW], dropna=False, sort=False)
    }


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _column(name: str, known: Sequence[str]) -> str:
    for each in (name, f"input.{name}"):
        if each in known and (each in SHARED or each.startswith("input.")):
            return each
    inputs = [each.removeprefix("input.") for each in known if each.startswith("input.")]
    raise NotFound(f"There is no column {name!r} to group by. There are: {', '.join((*SHARED, *inputs))}.")


def _place(value: Any) -> tuple[bool, Any]:
    return value is None, 0 if value is None else value


def _words(cut: Cut) -> str:
    return ", ".join([*cut.by, *([] if cut.every is None else ["time"])])
