"""What the journal records: predictions, labels, and the signatures that make their bytes readable."""

from __future__ import annotations

from typing import Any

import msgspec

from cuelight.protocol import media

CHAMPION, CANARY, CONTROL, SHADOW, PINNED = "champion", "canary", "control", "shadow", "pinned"


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scoring request and its answer, refused and failed ones included.

    `request` and `response` are the bodies as they went over the wire, a compressed request expanded. `probabilities`
    is `{"classes": [...], "values": [[...], ...]}` where the model has them, one inner list a row. `protocol` and
    `header_length` (as it was sent) say how the request is to be read, `response_type` and `response_header_length`
    (bytes of JSON before binary tensors) the answer.

    Of a model with `personal` columns (names, comma-separated) the bodies are not as they came: `redaction` says what
    stands for the values (`cuelight.protocol.redaction`); of a request that could not be read its length and digest
    alone are kept. `trace_id`: that of the trace (W3C), where requests are traced. `gateway_request`: the gateway's own
    id for the request, empty where there was none, and `attempt`, the how manieth this was.
    """

    time: float
    prediction_id: str
    request_id: str
    client: str
    caller: str
    model: str
    version: int
    digest: str
    track: str
    arm: str
    generation: int
    status: int
    latency_ms: float
    rows: int
    media_type: str
    request: bytes = b""
    response: bytes = b""
    error: str = ""
    probabilities: dict[str, Any] | None = None
    protocol: str = media.MLFLOW
    header_length: str = ""
    response_type: str = media.JSON
    response_header_length: int = 0
    redaction: str = ""
    personal: str = ""
    trace_id: str = ""
    gateway_request: str = ""
    attempt: int = 1


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """The truth about one predicted row, that came later. The last label for a row counts.

    The row is that of a `prediction_id`, or, where this is empty, the newest one before `time` whose input column
    `key_column` had the value `key`, a whole number as its digits (`cuelight.journal.labels`).
    """

    time: float
    model: str
    prediction_id: str
    row: int
    value: Any
    source: str = "feedback"
    key_column: str = ""
    key: str = ""


class Schema(msgspec.Struct, frozen=True):
    """The signature (`Signature.to_json`) of a version, written once per segment before its first prediction."""

    model: str
    version: int
    digest: str
    signature: str


Record = Prediction | Label | Schema
