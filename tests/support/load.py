"""Steady load from keep-alive connections, with every answer written down."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Seen:
    """One answer as its connection saw it; status 0 is a request that got none."""

    connection: int
    began: float
    ended: float
    status: int
    version: int = 0
    generation: int = 0
    prediction_id: str = ""
    body: bytes = b""


@dataclass
class Load:
    """What the connections saw so far, each in its own order."""

    answers: list[list[Seen]] = field(default_factory=list)

    @property
    def all(self) -> list[Seen]:
        """Every answer, by the moment it ended."""
        return sorted((each for one in self.answers for each in one), key=lambda each: each.ended)

    @property
    def failed(self) -> list[Seen]:
        """Requests that were not answered by 200."""
        return [each for each in self.all if each.status != 200]

    def backward(self) -> list[tuple[Seen, Seen]]:
        """Pairs on one connection where an older generation came after a newer one."""
        return [
            (before, after)
            for one in self.answers
            for before, after in pairwise(one)
            if after.status == before.status == 200 and after.generation < before.generation
        ]


@contextmanager
def steady(
    url: str,
    model: str,
    body: Any,
    connections: int = 4,
    pause: float = 0.002,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Load]:
    """POST `body` from that many keep-alive connections, one request after the other, until the block ends."""
    load = Load([[] for _ in range(connections)])
    stopped = threading.Event()
    payload = json.dumps(body).encode()
    path = f"/models/{model}/invocations"
    sent = {"Content-Type": "application/json", **(headers or {})}

    def run(number: int) -> None:
        connection = _connect(url)
        while not stopped.is_set():
            seen = _post(connection, number, path, payload, sent)
            load.answers[number].append(seen)
            if seen.status == 0:
                connection.close()
                connection = _connect(url)
            time.sleep(pause)
        connection.close()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)


def _post(
    connection: http.client.HTTPConnection, number: int, path: str, payload: bytes, headers: Mapping[str, str]
) -> Seen:
    began = time.monotonic()
    try:
        connection.request("POST", path, payload, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        return Seen(number, began, time.monotonic(), 0)
    return Seen(
        number,
        began,
        time.monotonic(),
        answer.status,
        int(answer.headers.get("X-Model-Version", 0)),
        int(answer.headers.get("X-Cuelight-Generation", 0)),
        answer.headers.get("X-Prediction-Id", ""),
        content,
    )
