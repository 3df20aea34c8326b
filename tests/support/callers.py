"""Callers of a gateway that is about to end: what they heard for requests that it had let in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException


class Caller:
    """One who asks again and again, on a connection that is kept, until there is no gateway to connect to."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self.heard = Counter[str]()
        self._port, self._path, self._body = port, path, body
        self.thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while self._on_one_connection():
            pass

    def _on_one_connection(self) -> bool:
        """Ask until the connection is closed; whether one could be made."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        answered = 0
        try:
            connection.connect()
            while True:
                connection.request("POST", self._path, self._body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                self.heard[str(answer.status)] += 1
                answered += 1
                if answer.will_close:
                    return True
        except ConnectionRefusedError:
            return False
        except (OSError, HTTPException) as error:
            if answered:  # else the kernel had connected it, and the gateway never saw it
                self.heard[repr(error)] += 1
            return True
        finally:
            connection.close()


@contextmanager
def calling(port: int, number: int, path: str, body: bytes = b"{}") -> Iterator[list[Caller]]:
    """So many at once; at the end they have nobody to ask."""
    callers = [Caller(port, path, body) for _ in range(number)]
    for each in callers:
        each.thread.start()
    yield callers
    for each in callers:
        each.thread.join(60)
        assert not each.thread.is_alive()


def heard(callers: list[Caller]) -> Counter[str]:
    """All that they heard: statuses, and how connections broke."""
    return sum((each.heard for each in callers), Counter[str]())
