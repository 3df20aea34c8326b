"""What hosts take of a gateway that no request goes through: to hear of them, and to probe them.

The hosts are addresses of loopback, behind each of which one small program answers probes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

from benchmarks.capacity.figures import Members
from benchmarks.environments import Missing
from benchmarks.processes import PYTHON, cpu_seconds, free_port, process
from cuelight.gateway.admin import ask
from cuelight.gateway.routes import SERVING
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica

_PATIENCE_SECONDS = 60.0
_REST_SECONDS = 4.0
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def measure(folder: Path, numbers: Sequence[int]) -> Iterator[Members]:
    """More and more hosts are published; until Envoy finds all of them healthy."""
    port, home = free_port(), folder / "home"
    home.mkdir(parents=True)
    settings = Settings(home=home)
    ports = {"PORT": str(free_port()), "ADMIN_PORT": str(free_port()), "SLOW_START_SECONDS": "0"}
    variables = {f"CUELIGHT_GATEWAY_{name}": value for name, value in ports.items()} | {"CUELIGHT_HOME": str(home)}
    with ExitStack() as stack:
        command = [PYTHON, "-m", "benchmarks.capacity.members", str(port)]
        stack.enter_context(process(command, {}, folder / "hosts.log", Path.cwd()))
        _publish(settings, port, 1)
        gateway = stack.enter_context(
            process([PYTHON, "-m", "cuelight.cli", "gateway"], variables, folder / "gateway.log")
        )
        _await(settings, 1)
        time.sleep(1.0)
        for count in numbers:
            used, began = cpu_seconds(gateway.pid), time.monotonic()
            _publish(settings, port, count)
            _await(settings, count)
            took, used = time.monotonic() - began, cpu_seconds(gateway.pid) - used
            time.sleep(1.0)
            before, began = cpu_seconds(gateway.pid), time.monotonic()
            time.sleep(_REST_SECONDS)
            resting = (cpu_seconds(gateway.pid) - before) / (time.monotonic() - began)
            yield Members(count, took, used, resting)


def _publish(settings: Settings, port: int, count: int) -> None:
    there = tuple(Replica(f"host-{each}", f"127.0.{1 + each // 250}.{1 + each % 250}", port) for each in range(count))
    replicas.change(settings, lambda _: there)


def _await(settings: Settings, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _healthy(settings) != count:
        if time.monotonic() > deadline:
            raise Missing(f"the gateway does not find {count} hosts")
        time.sleep(0.1)


def _healthy(settings: Settings) -> int:
    try:
        clusters = json.loads(ask(settings.gateway_folder, "GET", "/clusters?format=json"))["cluster_statuses"]
    except (OSError, HTTPException, ValueError, KeyError):
        return 0
    hosts = [each for cluster in clusters if cluster["name"] == SERVING for each in cluster.get("host_statuses", ())]
    return sum(not each["health_status"].get("failed_active_health_check") for each in hosts)


class _Host(asyncio.Protocol):
    """Answers any request by 200."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(_ANSWER * data.count(b"\r\n\r\n"))


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Host, "0.0.0.0", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
