"""Answers as the bytes of HTTP/1.1."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from cuelight.protocol.encode import error
from cuelight.protocol.media import JSON
from cuelight.serving.answering.faults import code_of
from cuelight.serving.answering.outcome import Answer

_PHRASES = {each.value: each.phrase for each in HTTPStatus}


def wire(answer: Answer) -> bytes:
    """Status, headers and body."""
    headers = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()])
    first = f"HTTP/1.1 {answer.status} {_PHRASES[answer.status]}\r\n"
    first += f"{headers}Content-Length: {len(answer.body)}\r\n"
    return first.encode("latin-1") + _ours(int(time.time())) + answer.body


def last_words(status: int, message: str) -> bytes:
    """The last answer on a connection, for a fault that the HTTP layer found by itself."""
    headers = {"Content-Type": JSON, "Connection": "close"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return wire(Answer(status, error(code_of(status), message, ""), headers))


@lru_cache(maxsize=1)
def _ours(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\nServer: cuelight\r\n\r\n".encode()
