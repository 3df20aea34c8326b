"""What a request takes: of a worker that has a core to itself, and of the gateway before it."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import gateways, wrk
from benchmarks.capacity import cores
from benchmarks.capacity.figures import Passing, Serving
from benchmarks.capacity.kinds import Kind
from benchmarks.capacity.size import Size
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight
from benchmarks.processes import cpu_seconds
from benchmarks.wire import Body
from cuelight.access.credentials import bearer
from cuelight.access.keys import Keys
from cuelight.access.permissions import Grant
from cuelight.access.tokens import Token, sign
from cuelight.kit.clock import SystemClock
from cuelight.kit.identity import new_id
from cuelight.kit.settings import Settings

_DIFFERENT_ROWS = 64
_TOKEN_SECONDS = 86_400.0
PLAIN, TOKENS = "without tokens", "with tokens"


def workers(kind: Kind, model: Model, folder: Path, size: Size) -> Iterator[Serving]:
    """One worker on a core of its own, the caller on the other."""
    peer = kind.peer()
    with ExitStack() as stack:
        with cores.on(cores.SERVER):
            running = stack.enter_context(peer.start(model, 1, folder))
        bodies, way = _rows(peer, model), peer.way(running)
        sent, received = _wire(running.url, bodies[0])
        with cores.on(cores.CALLER):
            wrk.run(running.url, bodies, 8, 1)
            for connections in size.connections:
                found = [_round([running.pid], running.url, bodies, connections, size) for _ in range(size.rounds)]
                loads, used = zip(*found, strict=True)
                rate, p99 = (statistics.median(getattr(each, name) for each in loads) for name in ("rate", "p99_ms"))
                cpu = statistics.median(each[0] for each in used)
                yield Serving(kind.name, way, connections, rate, cpu, p99, sent, received)


def passing(model: Model, folder: Path, size: Size) -> Iterator[Passing]:
    """The gateway on a core of its own, server and caller on the other; without tokens, and checking one."""
    with ExitStack() as stack:
        peer = Cuelight()
        with cores.on(cores.CALLER):
            running = stack.enter_context(peer.start(model, 1, folder / "server"))
        with cores.on(cores.SERVER):
            plain = stack.enter_context(gateways.gateway(running, folder / PLAIN.replace(" ", "-"), {}))
            home = folder / "guarded"
            token = _token(home)
            checking = stack.enter_context(gateways.gateway(running, home, {}, {"CUELIGHT_ACCESS_REQUIRED": "true"}))
        bodies = _rows(peer, model)
        carrying = [replace(each, headers={**each.headers, **bearer(token)}) for each in bodies]
        with cores.on(cores.CALLER):
            for connections in size.connections:
                for way, gateway, asked in ((PLAIN, plain, bodies), (TOKENS, checking, carrying)):
                    wrk.run(gateway.url, asked, connections, 1)
                    pids = [gateway.pid, running.pid]
                    found = [_round(pids, gateway.url, asked, connections, size) for _ in range(size.rounds)]
                    rate = statistics.median(load.rate for load, _ in found)
                    used = (statistics.median(each[1][place] for each in found) for place in (0, 1))
                    yield Passing(way, connections, rate, *used)


def _round(pids: list[int], url: str, bodies: list[Body], connections: int, size: Size) -> tuple[wrk.Load, list[float]]:
    """One load, and µs a request of each tree."""
    before = [cpu_seconds(each) for each in pids]
    load = wrk.run(url, bodies, connections, size.seconds)
    if load.failed or not load.requests:
        raise RuntimeError(f"{load.failed} of {load.requests} requests were not answered by 200.")
    used = [1e6 * (cpu_seconds(each) - then) / load.requests for each, then in zip(pids, before, strict=True)]
    return load, used


def _rows(peer: Cuelight, model: Model) -> list[Body]:
    return [peer.single(model, model.frame.iloc[row : row + 1]) for row in range(_DIFFERENT_ROWS)]


def _token(home: Path) -> str:
    """One that the gateway of that home lets in."""
    settings = Settings(home=home)
    keys, now = Keys(settings.keys_folder, settings.tokens_folder), SystemClock().now()
    for folder in (settings.keys_folder, settings.tokens_folder):
        folder.mkdir(parents=True, exist_ok=True)
    keys.prepare()
    grant = Grant(frozenset({"score"}), frozenset({"*"}))
    return sign(Token(new_id(), "caller", now, now + _TOKEN_SECONDS, grant), *keys.signer())


def _wire(url: str, body: Body) -> tuple[int, int]:
    """Bytes of a request and of its answer on an open connection, without those of TCP and below."""
    address = urlsplit(url)
    headers: Mapping[str, object] = {"Host": address.netloc, **body.headers, "Content-Length": len(body.content)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {body.path} HTTP/1.1\r\n{lines}\r\n".encode() + body.content
    with socket.create_connection((address.hostname, address.port), timeout=10.0) as connection:
        connection.sendall(request)
        answer = connection.recv(1 << 16)
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(1 << 16)
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    del rest
    return len(request), len(head) + 4 + length
