"""Answered requests of model `m`, for benchmarks of the journal, and how long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cuelight.journal.record import Prediction


def prediction(
    at: float, prediction_id: str, rows: int, request: bytes, response: bytes, request_id: str = "", **more: Any
) -> Prediction:
    """One of version 1, whose digest is `d`; `at` in seconds since the epoch."""
    return Prediction(
        time=at,
        prediction_id=prediction_id,
        request_id=request_id,
        client="127.0.0.1",
        caller="",
        model="m",
        version=1,
        digest="d",
        track="Production",
        arm="champion",
        generation=1,
        status=200,
        latency_ms=1.0,
        rows=rows,
        media_type="application/json",
        request=request,
        response=response,
        **more,
    )


def seconds(do: Callable[[], object]) -> float:
    """What it takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
