"""Load by wrk, from Debian's package of that name: one thread, keep-alive connections, one request after the other."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import Body

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
# Each connection takes the next body: no server answers one row from a cache.
_SCRIPT = """local bodies = {{{bodies}}}
local requests, turn = {{}}, 0
wrk.method = "POST"
{headers}
function init(args)
  for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


@dataclass(frozen=True)
class Load:
    """One run: requests answered, and how many a second; latency in milliseconds; requests not answered by 2xx."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


def check() -> None:
    """End with a clear message where wrk is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk. Install it by: sudo apt-get install wrk")


def run(url: str, bodies: Sequence[Body], connections: int, seconds: int) -> Load:
    """POST the bodies (text, all to one path) in turn over that many connections for so long."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(bodies))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", file.name]
        done = subprocess.run(
            [*command, url + bodies[0].path], capture_output=True, text=True, check=True, cwd=Path("/")
        )
    return parse(done.stdout)


def script(bodies: Sequence[Body]) -> str:
    """The Lua script that asks these bodies in turn."""
    texts = ",".join(f"[==[{each.content.decode()}]==]" for each in bodies)
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in bodies[0].headers.items())
    return _SCRIPT.format(bodies=texts, headers=headers)


def parse(output: str) -> Load:
    """The figures in wrk's output.

    Raises:
        ValueError: it is none.
    """
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", output), re.search(r"(\d+) requests in ", output)
    if rate is None or count is None:
        raise ValueError(f"wrk's output can't be read: {output[:200]}")
    failed = sum(int(each) for each in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    failed += sum(int(each) for line in re.findall(r"Socket errors: (.*)", output) for each in re.findall(r"\d+", line))
    return Load(int(count[1]), float(rate[1]), _latency(output, 50), _latency(output, 99), failed)


def _latency(output: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", output)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")
