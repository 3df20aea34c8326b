"""Records for tests of the journal and of those who read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cuelight.journal import segment
from cuelight.journal.record import Prediction, Record, Schema
from cuelight.journal.writer import Writer
from cuelight.protocol.signature import Column, Signature

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
SIGNATURE = Signature(columns=(Column("x", "double"), Column("city", "string")))


def prediction(number: int = 0, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Prediction:
    """An answered request of model `m`, `number` seconds after noon; `predictions` may be given instead of bytes."""
    rows = [{"x": float(number), "city": "Oslo"}] if rows is None else rows
    answer = changes.pop("predictions", [1.0] * len(rows))
    fields: dict[str, Any] = {
        "time": NOON + number,
        "prediction_id": f"p{number}",
        "request_id": f"r{number}",
        "client": "127.0.0.1",
        "caller": "",
        "model": "m",
        "version": 1,
        "digest": "d1",
        "track": "Production",
        "arm": "champion",
        "generation": 1,
        "status": 200,
        "latency_ms": 1.5,
        "rows": len(rows),
        "media_type": "application/json",
        "request": json.dumps({"dataframe_records": rows}).encode(),
        "response": json.dumps({"predictions": answer}).encode(),
    }
    return Prediction(**(fields | changes))


def schema(version: int = 1, signature: Signature = SIGNATURE) -> Schema:
    """The signature of a version whose digest is `d<version>`."""
    return Schema("m", version, f"d{version}", signature.to_json())


def write(folder: Path, *records: Record, schemas: Iterable[Schema] = (schema(),), host: str = "h") -> None:
    """A closed segment with these records."""
    writer = Writer(folder, host, sync="none")
    for each in schemas:
        writer.declare(each)
    assert writer.append(*records)
    writer.close()


def stored(folder: Path, names: str = "*") -> list[Record]:
    """All records in all segments, or in those whose names match, in the order of names."""
    paths = sorted(folder.glob(f"segments/*/{names}"))
    return [
        item[1] for path in paths for item in segment.read(path.read_bytes()) if not isinstance(item, segment.Damage)
    ]
