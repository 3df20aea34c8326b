"""BentoML with adaptive batching."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.models import Model
from benchmarks.peers.peer import APPS, Peer, Place
from benchmarks.wire import JSON, Body


class BentoMl(Peer):
    """A service with one batchable call for single rows, and a plain one for big requests."""

    name = "BentoML"
    settings = "`batchable=True` with `max_batch_size=64`; big requests by a call of their own; access log off"
    package = "bentoml"
    requirements = "bentoml"

    def command(self, place: Place) -> list[str]:
        service = f"bento_service:{'Numbers' if place.model.numeric else 'Frames'}"
        served = ["-m", "bentoml", "serve", service, "--working-dir", str(APPS)]
        return [self.python, *served, "--host", "127.0.0.1", "--port", str(place.port)]

    def single(self, model: Model, frame: Any) -> Body:  # noqa: ARG002  the same for all
        return Body(JSON, "/predict", _rows(frame))

    def batches(self, model: Model, frame: Any) -> list[Body]:  # noqa: ARG002
        return [Body(JSON, "/predict_many", _rows(frame))]


def _rows(frame: Any) -> bytes:
    return orjson.dumps({"rows": frame.to_numpy().tolist()})
