from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.records import Results, Single


@pytest.fixture
def rounds() -> Callable[..., list[Single]]:
    """Rounds of single rows at one server, by their rates."""

    def make(server: str, *rates: float, model: str = "linear", connections: int = 8, **more: Any) -> list[Single]:
        base = {"workers": 1, "p50_ms": 1.0, "p99_ms": 2.0, "failed": 0, "cpu_us": 50.0, **more}
        return [
            Single(model, round=n, connections=connections, server=server, rate=r, **base) for n, r in enumerate(rates)
        ]

    return make


@pytest.fixture
def results() -> Results:
    """No results yet."""
    return Results({"rounds": 3})
