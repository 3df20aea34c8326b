"""Load by wrk, from Debian's package of that name."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Figures:
    """One round: requests a second, latency in milliseconds, requests that were not answered by 2xx."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


def check() -> None:
    """End with a clear message where wrk is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk. Install it by: sudo apt-get install wrk")


def run(url: str, body: bytes, connections: int, seconds: int) -> Figures:
    """POST `body` over that many keep-alive connections for so long."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        text = body.decode().replace("\\", "\\\\").replace("'", "\\'")
        script.write(f"wrk.method = 'POST'\nwrk.body = '{text}'\nwrk.headers['Content-Type'] = 'application/json'\n")
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path("/")).stdout
    return parse(output)


def parse(output: str) -> Figures:
    """The figures in wrk's output."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None:
        raise SystemExit(f"wrk's output can't be read:\n{output}")
    failed = sum(int(each) for each in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    failed += sum(int(each) for line in re.findall(r"Socket errors: (.*)", output) for each in re.findall(r"\d+", line))
    return Figures(float(rate[1]), _latency(output, 50), _latency(output, 99), failed)


def _latency(output: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", output)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")
