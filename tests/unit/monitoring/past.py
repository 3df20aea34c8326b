"""A home with ten days of journal behind it, for tests that look back; neither registry nor MLflow is up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label, Record, Schema
from cuelight.journal.writer import Writer
from cuelight.monitoring.windows.targets import Target
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import prediction
from tests.unit.monitoring.tables import scored

DAY, HOUR = 86_400.0, 3600.0
DAYS, PER_HOUR = 10, 10
MODEL = "past"
FEATURES = ("used", "unused", "town")
_SIGNATURE = Signature(columns=(Column("used", "double"), Column("unused", "double"), Column("town", "string")))
LABELS_AFTER = 2 * DAY


def home(folder: Path, now: float, table: Callable[[int], pd.DataFrame], version: Callable[[int], int]) -> None:
    """Ten days up to midnight before `now`: what `table` gives for each day, answered by `version`, labelled two days
    later. Versions 1 and 2 have a reference each, known from an earlier report."""
    start = now // DAY * DAY - DAYS * DAY
    writer = Writer(folder / "journal", "h", sync="none")
    for each in (1, 2):
        writer.declare(Schema(MODEL, each, f"d{each}", _SIGNATURE.to_json()))
        _remember(folder, each, start - DAY)
    for day in range(DAYS):
        rows = table(day)
        for hour in range(24):
            part = rows.iloc[hour * PER_HOUR : (hour + 1) * PER_HOUR]
            time = start + day * DAY + hour * HOUR + 60.0
            writer.append(*_records(part, time, version(day), now))
    writer.close()
    Compactor(folder / "journal", retention_days=1e6).run_once()


def _records(part: pd.DataFrame, time: float, version: int, now: float) -> list[Record]:
    inputs = part[[f"input.{each}" for each in FEATURES]].set_axis(FEATURES, axis=1)
    answered = prediction(
        rows=inputs.to_dict("records"),
        predictions=list(part["output.prediction"]),
        time=time,
        prediction_id=f"p{time}",
        model=MODEL,
        version=version,
        digest=f"d{version}",
    )
    come = time + LABELS_AFTER
    labels = [Label(come, MODEL, f"p{time}", row, value) for row, value in enumerate(part["label"]) if come < now]
    return [answered, *labels]


def _remember(folder: Path, version: int, trained_until: float) -> None:
    """The version's reference, and who it is, as an earlier drift job leaves both."""
    references, targets = folder / "monitoring" / "references", folder / "monitoring" / "targets" / MODEL
    for each in (references, targets):
        each.mkdir(parents=True, exist_ok=True)
    draft = references / "draft.parquet"
    scored(1000, 100 + version).to_parquet(draft)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    draft.replace(references / f"{digest}.parquet")
    target = Target(MODEL, version, "run", "reference.parquet", digest, trained_until)
    (targets / f"{version}.json").write_text(json.dumps(asdict(target)))
