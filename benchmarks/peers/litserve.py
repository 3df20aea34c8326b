"""LitServe with batching."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.models import Model
from benchmarks.peers.peer import APPS, Peer, Place
from benchmarks.wire import JSON, Body


class LitServe(Peer):
    """A server process and as many inference processes as workers."""

    name = "LitServe"
    settings = (
        "`max_batch_size` 64, `batch_timeout` 0.1 ms, `fast_queue` (ZeroMQ); "
        "stopped outside of its turns, since it spins while idle"
    )
    package = "litserve"
    requirements = "litserve"
    spins = True

    def command(self, place: Place) -> list[str]:  # noqa: ARG002  its variables say all
        return [self.python, str(APPS / "lit_api.py")]

    def single(self, model: Model, frame: Any) -> Body:
        if model.numeric:
            return Body(JSON, "/predict", orjson.dumps({"rows": frame.to_numpy().tolist()}))
        content = {"columns": list(frame.columns), "rows": frame.to_numpy().tolist()}
        return Body(JSON, "/predict", orjson.dumps(content))
