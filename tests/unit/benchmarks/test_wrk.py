from __future__ import annotations

import math

import pytest

from benchmarks import wire, wrk

OUTPUT = """Running 2s test @ http://127.0.0.1:8000/invocations
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   654.25us  321.10us   9.12ms   91.20%
    Req/Sec    11.43k     1.02k   12.90k    70.00%
  Latency Distribution
     50%  642.00us
     75%  801.00us
     90%    1.10ms
     99%    2.22ms
  22868 requests in 2.00s, 7.50MB read
Requests/sec:  11432.34
Transfer/sec:      3.75MB
"""


def test_the_figures_are_read() -> None:
    """Rate, count, and latencies in milliseconds whatever their unit."""
    assert wrk.parse(OUTPUT) == wrk.Load(22868, 11432.34, 0.642, 2.22, 0)


def test_slow_answers_and_failures_are_read() -> None:
    """Seconds and minutes, other statuses, and each kind of socket error."""
    worse = (
        OUTPUT.replace("642.00us", "1.50s")
        .replace("2.22ms", "1.10m")
        .replace(
            "Requests/sec",
            "  Socket errors: connect 1, read 2, write 0, timeout 4\n  Non-2xx or 3xx responses: 10\nRequests/sec",
        )
    )
    assert wrk.parse(worse) == wrk.Load(22868, 11432.34, 1500.0, 66_000.0, 17)


def test_what_wrk_did_not_say_is_no_figure() -> None:
    """Without latencies there is NaN, without a rate an error that shows what it said."""
    assert math.isnan(wrk.parse("5 requests in 1.00s\nRequests/sec: 5.0\n").p99_ms)
    with pytest.raises(ValueError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1")


def test_the_script_asks_all_bodies() -> None:
    """With their headers; Lua's long brackets need no escapes."""
    bodies = [wire.Body(wire.JSON, "/p", each) for each in (b'{"a":"\\"]]"}', b'{"b":2}')]
    script = wrk.script(bodies)
    assert '[==[{"a":"\\"]]"}]==],[==[{"b":2}]==]' in script
    assert 'wrk.headers["Content-Type"] = "application/json"' in script
