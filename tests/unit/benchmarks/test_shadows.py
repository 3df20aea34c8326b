from __future__ import annotations

import http.server
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import arrivals, models, shadows
from benchmarks.plan import Plan
from benchmarks.records import Results
from benchmarks.run import Run
from benchmarks.wire import JSON, Body
from tests.support.answering import answering


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers what it was sent, "bad" by 500."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if body == b"bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_requests_are_due_at_random_and_always_the_same() -> None:
    """Gaps as of a Poisson process: mean and standard deviation are one over the rate."""
    times = arrivals.schedule(1000.0, 20.0, seed=1)
    gaps = np.diff(times)
    assert times == arrivals.schedule(1000.0, 20.0, seed=1) != arrivals.schedule(1000.0, 20.0, seed=2)
    assert 0 < times[0] <= times[-1] < 20.0
    assert abs(len(times) - 20_000) < 5 * np.sqrt(20_000)
    assert gaps.mean() == pytest.approx(0.001, rel=0.05)
    assert gaps.std() == pytest.approx(0.001, rel=0.05)


def test_every_request_is_asked_and_its_answer_read(url: str) -> None:
    """As many as were due; what is not answered by 200 has failed."""
    bodies = [Body(JSON, "/p", each) for each in (b"good", b"x" * 100_000, b"bad")]
    load = arrivals.run(url, bodies, rate=100.0, seconds=1.0, seed=3)
    due = len(arrivals.schedule(100.0, 1.0, seed=3))
    assert (load.requests, load.failed) == (due, due // 3)
    assert 0 < load.p50_ms <= load.p99_ms


def test_callers_are_measured_with_and_without_a_shadow(tmp_path: Path) -> None:
    """On one server; without it nothing is mirrored, with it at a moderate rate all is."""
    plan, results = Plan(shadow_rounds=1, shadow_seconds=1), Results()
    for _ in shadows.measure(Run(plan, results, lambda _: None), models.make("linear", tmp_path), tmp_path):
        pass
    assert [(each.share, each.load) for each in results.shadowings] == [
        (share, load) for load in ("1 connection", "8 connections", "500 a second") for share in (0, 100)
    ]
    assert all(each.failed == 0 < each.p99_ms for each in results.shadowings)
    *_, without, with_it = results.shadowings
    assert (without.mirrored, with_it.mirrored, with_it.dropped) == (0, with_it.requests, 0)
    assert results.left_out == []
