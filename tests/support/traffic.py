"""Journalled traffic without a server: predictions of a model and labels, through the real writer and compactor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label, Schema
from cuelight.journal.writer import Writer
from cuelight.protocol.signature import Signature
from cuelight.registry.model import ModelVersion
from cuelight.registry.tracking import Tracking
from tests.support.journal import prediction

DIGEST = "d" * 64


def signature_of(tracking: Tracking, version: ModelVersion, folder: Path) -> Signature:
    """The signature of a registered version."""
    files = tracking.download(version.source, folder)
    return Signature.from_mlmodel(yaml.safe_load((files / "MLmodel").read_text())["signature"])


def record(
    folder: Path,
    version: ModelVersion,
    signature: Signature,
    requests: Sequence[tuple[str, float, Any, Sequence[Any]]],
    labels: bool = True,
) -> None:
    """Write and compact requests, each a prediction id, a time, a frame of rows, and their truth (sent as labels)."""
    writer = Writer(folder, "local")
    writer.declare(Schema(version.name, version.version, DIGEST, signature.to_json()))
    for prediction_id, time, frame, truth in requests:
        writer.append(
            prediction(
                rows=frame.to_dict(orient="records"),
                predictions=[0] * len(frame),
                time=time,
                prediction_id=prediction_id,
                model=version.name,
                version=version.version,
                digest=DIGEST,
            )
        )
        if labels:
            given = [Label(time + 1.0, version.name, prediction_id, row, value) for row, value in enumerate(truth)]
            writer.append(*given)
    writer.close()
    Compactor(folder).run_once()
