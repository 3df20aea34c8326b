"""Rows a second from labels to joined rows, and to figures of quality: labels by prediction id, and by a key."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import answered
from benchmarks.tables import Table
from cuelight.journal.compactor import Compactor
from cuelight.journal.groups import Cut, groups
from cuelight.journal.quality import CLASSIFICATION
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Prediction, Schema
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.protocol.signature import Column, Signature

_BEGAN = 1_700_049_600.0  # 2023-11-15, noon UTC
_SIGNATURE = Signature(columns=(Column("order_id", "long"), Column("x", "double")))
_BATCH = 1000  # rows of a request
_CLASSES = ("0", "1")
_WINDOW = Query("m")
_COLUMNS = ("version", "output.prediction", *(f"output.proba.{name}" for name in _CLASSES))


def measure(folder: Path, rows: int, rounds: int) -> Iterator[list[str]]:
    """What was done, and how quickly: the median of the rounds, after one that is not counted."""
    for way in ("id", "key"):
        for name, do in _work(_fill(folder / way, rows, way)).items():
            taken = [answered.seconds(do) for _ in range(rounds + 1)][1:]
            yield [f"{rows:,} labels by {way}, {name}", f"{rows / statistics.median(taken):,.0f} rows/s"]


def _work(journal: Journal) -> dict[str, Callable[[], object]]:
    return {
        "joined, as an Arrow table": lambda: journal.labelled_table(_WINDOW, _COLUMNS),
        "joined, as a pandas frame": lambda: journal.labelled(_WINDOW, _COLUMNS),
        "joined and measured, all figures": lambda: groups(journal, _WINDOW, Cut(), CLASSIFICATION),
    }


def table(rows: list[list[str]]) -> Table:
    """The figures."""
    return Table("Labels", ["what", "found"], rows)


def _fill(folder: Path, rows: int, way: str) -> Journal:
    """A journal in which every row has a label, from the writer through the compactor."""
    generator = np.random.default_rng(7)
    writer = Writer(folder, "h", sync="none")
    writer.declare(Schema("m", 1, "d", _SIGNATURE.to_json()))
    for number in range(rows // _BATCH):
        orders = (number * _BATCH + np.arange(_BATCH)).tolist()
        shares, truths = generator.random(_BATCH).tolist(), generator.integers(2, size=_BATCH).tolist()
        asked = _prediction(number, orders, shares)
        later = _BEGAN + 3600.0
        labels = [
            Label(later, "m", asked.prediction_id, row, truth)
            if way == "id"
            else Label(later, "m", "", 0, truth, key_column="order_id", key=str(orders[row]))
            for row, truth in enumerate(truths)
        ]
        writer.append(asked, *labels)
    writer.close()
    Compactor(folder, clock=FakeClock(_BEGAN)).run_once()
    return Journal(folder)


def _prediction(number: int, orders: list[int], shares: list[float]) -> Prediction:
    data = [[order, share] for order, share in zip(orders, shares, strict=True)]
    return answered.prediction(
        _BEGAN + number / 1000,
        f"{number:032x}",
        len(orders),
        json.dumps({"dataframe_split": {"columns": ["order_id", "x"], "data": data}}).encode(),
        json.dumps({"predictions": [int(share > 0.5) for share in shares]}).encode(),
        probabilities={"classes": list(_CLASSES), "values": [[1.0 - share, share] for share in shares]},
    )
