"""Answers of two versions as what can be compared: classes as text with their probabilities, or numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.journal.quality import Floats, class_name

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING = "(none)"  # the class of a row that a version gave none
PREDICTION = "prediction"
_OUTPUT, _PROBABILITY = "output.", "output.proba."
_MOST_CLASSES = 20  # more kinds of whole numbers than this are numbers, and no classes


@dataclass(frozen=True)
class Classes:
    """One version's labels as text; `shares`: each class's probability (rows,), NaN where there is none."""

    labels: Sequence[str]
    shares: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """Both versions' labels."""

    old: Classes
    new: Classes


@dataclass(frozen=True)
class Numbers:
    """Both versions' numbers, each (rows,); NaN where one gave none."""

    old: Floats
    new: Floats


def paired(rows: pa.Table) -> dict[str, Labels | Numbers]:
    """The answers in `Pairs.rows`, by the output's name."""
    return outputs(_side(rows, "old."), _side(rows, "new."))


def outputs(old: pa.Table, new: pa.Table) -> dict[str, Labels | Numbers]:
    """The answers in two tables of the journal's rows, by the output's name.

    An output is one of labels where there are probabilities, texts or booleans, or at most 20 kinds of whole numbers.
    Where a caller asked for probabilities, the label is the class with the highest one.
    """
    tables = old, new
    shares = [_shares(each) for each in tables]
    names = dict.fromkeys(name for each in tables for name in each.column_names if name.startswith(_OUTPUT))
    chosen = [name.removeprefix(_OUTPUT) for name in names if not name.startswith(_PROBABILITY)]
    if any(shares) and PREDICTION not in chosen:
        chosen.append(PREDICTION)
    return {name: _output(tables, name, shares if name == PREDICTION else [{}, {}]) for name in chosen}


def _side(rows: pa.Table, start: str) -> pa.Table:
    chosen = [each for each in rows.column_names if each.startswith(start)]
    return rows.select(chosen).rename_columns([each.removeprefix(start) for each in chosen])


def _output(tables: Sequence[pa.Table], name: str, shares: Sequence[Mapping[str, Floats]]) -> Labels | Numbers:
    old, new = (_column(table, f"{_OUTPUT}{name}") for table in tables)
    if not any(shares) and _are_numbers([old, new]):
        return Numbers(_floats(old), _floats(new))
    return Labels(*(_classes(column, each) for column, each in zip((old, new), shares, strict=True)))


def _shares(table: pa.Table) -> dict[str, Floats]:
    names = [name for name in table.column_names if name.startswith(_PROBABILITY)]
    return {class_name(name.removeprefix(_PROBABILITY)): _floats(table[name]) for name in names}


def _column(table: pa.Table, name: str) -> Any:
    import pyarrow as pa

    return table[name] if name in table.column_names else pa.nulls(table.num_rows)


def _are_numbers(columns: Sequence[Any]) -> bool:
    import pyarrow.types as kinds

    there = [each for each in columns if not kinds.is_null(each.type)]
    if all(kinds.is_integer(each.type) for each in there):
        return len({value for each in there for value in each.unique().to_pylist()}) > _MOST_CLASSES
    return all(kinds.is_integer(each.type) or kinds.is_floating(each.type) for each in there)


def _floats(column: Any) -> Floats:
    import pyarrow as pa

    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _classes(column: Any, shares: Mapping[str, Floats]) -> Classes:
    """Labels as text; where there is none, the class with the highest probability."""
    values = column.to_pylist()
    known = {each: class_name(each) for each in set(values) if each is not None}
    labels = [NOTHING if each is None else known[each] for each in values]
    if shares and NOTHING in labels:
        leaders = _leaders(shares)
        labels = [leaders[place] if each == NOTHING else each for place, each in enumerate(labels)]
    return Classes(labels, shares)


def _leaders(shares: Mapping[str, Floats]) -> list[str]:
    names, values = [*shares, NOTHING], np.stack([*shares.values(), np.zeros(len(next(iter(shares.values()))))], axis=1)
    return [names[place] for place in np.argmax(np.nan_to_num(values, nan=-1.0), axis=1)]
