from __future__ import annotations

import base64
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuelight.journal.export import write
from cuelight.kit.errors import BadInput

_TABLE = pa.table(
    {
        "prediction_id": ["a", "b", None],
        "input.x": pa.array([0.5, None, float("inf")]),
        "personal": pa.array([["name"], [], None], pa.list_(pa.string())),
        "request": pa.array(['{"é": 1}'.encode(), b"\xff\x00", None], pa.binary()),
    }
)


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_bodies_are_texts_or_base64(tmp_path: Path, ending: str) -> None:
    """Text stays text; bytes that are none come back from Base64; in more than one batch."""
    path = tmp_path / f"window{ending}"
    assert write(path, _TABLE.to_reader(max_chunksize=2)) == 3
    rows = _read(path)
    assert [row["prediction_id"] or None for row in rows] == ["a", "b", None]
    assert [row["personal"] or None for row in rows] == ['["name"]', "[]", None]
    assert rows[0]["request"] == '{"é": 1}'
    assert not rows[0]["request_base64"]
    assert base64.b64decode(rows[1]["request_base64"]) == b"\xff\x00"
    assert not rows[2]["request"]
    assert not rows[2]["request_base64"]
    assert float(rows[0]["input.x"]) == 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_is_the_window_as_it_is(tmp_path: Path) -> None:
    """The same columns, types and bytes."""
    path = tmp_path / "window.PARQUET"
    assert write(path, _TABLE.to_reader(max_chunksize=2)) == 3
    assert pq.read_table(path).equals(_TABLE)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_an_empty_window_is_a_file_without_rows(tmp_path: Path, ending: str) -> None:
    """It is there, and readable."""
    path = tmp_path / f"window{ending}"
    assert write(path, _TABLE.slice(0, 0).to_reader()) == 0
    assert (pq.read_table(path).num_rows if ending == ".parquet" else len(_read(path))) == 0


def test_what_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A window that breaks off replaces nothing, and leaves nothing beside."""
    path = tmp_path / "window.csv"
    path.write_text("old")

    def broken() -> Any:
        yield _TABLE.to_batches()[0]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write(path, pa.RecordBatchReader.from_batches(_TABLE.schema, broken()))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    """The message names those that there are."""
    with pytest.raises(BadInput, match=r"\.jsonl, \.csv, \.parquet"):
        write(tmp_path / "window.xlsx", _TABLE.to_reader())
