"""Load that comes as callers do who know nothing of each other: at random, so many a second, answered or not.

wrk's connections wait for an answer before they ask again: a slow server is asked less. Here a request is due when it
is due, and its latency counts from then on, also while it waits for a free connection.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

from benchmarks.wire import Body
from benchmarks.wrk import Load

_CONNECTIONS = 32
_PATIENCE_SECONDS = 10.0


@dataclass
class _Connection:
    sock: socket.socket
    due: float = 0.0
    came: bytearray = field(default_factory=bytearray)


def schedule(rate: float, seconds: float, seed: int) -> list[float]:
    """When each request is due, in seconds from the start: a Poisson process, the same for the same seed."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, size=int(2 * rate * seconds) + 50)
    times = np.cumsum(gaps)
    return list(times[times < seconds].tolist())


@dataclass(frozen=True)
class Answer:
    """One request's: how long after it was due it came, in s, and its status; without one both are NaN and 0."""

    seconds: float
    status: int


def run(url: str, bodies: Sequence[Body], rate: float, seconds: float, seed: int) -> Load:
    """POST the bodies in turn as they are due; latencies in milliseconds, `failed`: not answered by 200."""
    found, took = answers(url, bodies, rate, seconds, seed)
    came = [1000 * each.seconds for each in found if each.status]
    p50, p99 = np.percentile(came, (50, 99)).tolist() if came else (float("nan"),) * 2
    return Load(len(came), len(came) / took, p50, p99, sum(each.status != 200 for each in found))


def answers(
    url: str, bodies: Sequence[Body], rate: float, seconds: float, seed: int, connections: int = _CONNECTIONS
) -> tuple[list[Answer], float]:
    """POST the bodies in turn as they are due; all answers, and the seconds until the last one came."""
    address, requests = urlsplit(url), [_request(each) for each in bodies]
    assert address.hostname
    assert address.port
    socks = [socket.create_connection((address.hostname, address.port), timeout=10) for _ in range(connections)]
    try:
        return _load(socks, requests, schedule(rate, seconds, seed))
    finally:
        for each in socks:
            each.close()


def _load(
    socks: Sequence[socket.socket], requests: Sequence[bytes], due: Sequence[float]
) -> tuple[list[Answer], float]:
    poller = selectors.SelectSelector()  # epoll's time-outs are whole milliseconds
    free: deque[_Connection] = deque()
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        free.append(_Connection(sock))
        poller.register(sock, selectors.EVENT_READ, free[-1])
    began, number = time.perf_counter(), 0
    found: list[Answer] = []
    while len(found) < len(due):
        now = time.perf_counter() - began
        while number < len(due) and due[number] <= now and free:
            connection = free.popleft()
            connection.due = due[number]
            connection.sock.sendall(requests[number % len(requests)])
            number += 1
        waits = number < len(due) and free
        ready = poller.select(max(0.0, due[number] - now) if waits else _PATIENCE_SECONDS)
        if not ready and not waits:
            break
        for key, _ in ready:
            connection = key.data
            connection.came += connection.sock.recv(1 << 16)
            if status := _status(connection.came):
                found.append(Answer(time.perf_counter() - began - connection.due, status))
                connection.came.clear()
                free.append(connection)
    missing = [Answer(float("nan"), 0)] * (len(due) - len(found))
    return [*found, *missing], time.perf_counter() - began


def _request(body: Body) -> bytes:
    headers = {"Host": "localhost", "Content-Length": str(len(body.content)), **body.headers}
    lines = [f"POST {body.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body.content


def _status(came: bytearray) -> int:
    """The answer's status once it is whole, else 0."""
    head, found, body = bytes(came).partition(b"\r\n\r\n")
    if not found:
        return 0
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return int(head.split(b" ", 2)[1]) if len(body) >= length else 0
