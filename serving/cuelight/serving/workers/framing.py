"""Cuts plain scoring requests out of what a connection sent. Pure, and narrow on purpose.

Only a request whose framing leaves no room for doubt is cut here: HTTP/1.1, POST to a scoring URL, one
Content-Length, nothing that changes the body or the connection. All else, also what is malformed, is gunicorn's
parser's to read from its first byte: what it says of a request is never second-guessed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from cuelight.access.credentials import sent
from cuelight.protocol.media import INFERENCE, MLFLOW
from cuelight.protocol.passage import DIRECT, HEADERS, Passage, passage
from cuelight.serving.answering.call import LONGEST_ID, Asked, asked

LARGEST = 1 << 28  # bytes; nobody reads on for longer, if only to throw it away
_LONGEST_HEAD = 8192
_PART = rb"([^\s/?#;]+)"
_LINE = re.compile(
    rb"POST /(?:(?:models/%(part)b/(?:(stages|aliases|versions)/%(part)b/)?)?invocations"
    rb"|v2/models/%(part)b/(?:(versions)/%(part)b/)?infer) HTTP/1\.1" % {b"part": _PART}
)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*?)[ \t]*")
_OWN = re.compile(
    rb"\r\n(x-request-id|traceparent|%b):[ \t]*([\t\x20-\x7e]*?)[ \t]*(?=\r\n|\Z)" % "|".join(HEADERS).encode(),
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]{1,9}")
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# What changes how long the body is, what it means, who sent it, or whether the connection goes on.
_NOT_HERE = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"proxy-connection"))


@dataclass(frozen=True)
class Head:
    """The head of a plain scoring request; `length` is that of the body, `token` says who asks."""

    asked: Asked
    length: int
    request_id: str = ""
    traceparent: str = ""
    token: str = ""
    passage: Passage = DIRECT


class Plain(Struct, frozen=True):
    """A whole request at the buffer's start: its head, its body, and where the next one begins."""

    head: Head
    body: bytes
    end: int


@dataclass(frozen=True)
class Begun:
    """A plain request of which the body is not whole yet; `start` is where it begins."""

    head: Head
    start: int


PARTIAL, OTHER = "partial", "other"


def cut(buffer: bytes | bytearray) -> Plain | Begun | str:
    """The plain request at the start of `buffer`; `PARTIAL`: more has to come; `OTHER`: gunicorn's to read."""
    end = buffer.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        return PARTIAL if len(buffer) < _LONGEST_HEAD and _may_become_plain(buffer) else OTHER
    head = read_head(bytes(buffer[:end]))
    if head is None:
        return OTHER
    start = end + 4
    stop = start + head.length
    if len(buffer) < stop:
        return Begun(head, start)
    with memoryview(buffer) as view:
        return Plain(head, bytes(view[start:stop]), stop)


def _may_become_plain(buffer: bytes | bytearray) -> bool:
    start = b"POST /"
    return bytes(buffer[: len(start)]) == start[: len(buffer)]


def read_head(head: bytes) -> Head | None:
    """The head without its last empty line, or None if it is not plain.

    Callers repeat theirs, but for what is each request's own: that is read apart, and the rest is remembered.
    """
    parts = _OWN.split(head)  # what is between own lines, then of each its name and its value
    common = _read_common(b"".join(parts[::3]))
    if common is None or len(parts) == 1:
        return common
    own = {name.decode().lower(): value.decode() for name, value in zip(parts[1::3], parts[2::3], strict=True)}
    if len(own) < len(parts) // 3:
        return None
    request_id = own.get("x-request-id", "")
    request_id = request_id if len(request_id) <= LONGEST_ID else ""
    way = passage(lambda name: own.get(name, ""))
    return Head(common.asked, common.length, request_id, own.get("traceparent", ""), common.token, way)


@lru_cache(maxsize=512)
def _read_common(head: bytes) -> Head | None:
    """The head without the lines of `_OWN`."""
    first, *lines = head.split(b"\r\n")
    line = _LINE.fullmatch(first)
    fields = _fields(lines)
    if line is None or fields is None or b"host" not in fields or b"content-length" not in fields:
        return None
    length = fields[b"content-length"]
    if not (length.isdigit() and len(length) < 10 and int(length) <= LARGEST):
        return None
    if fields.get(b"connection", b"keep-alive").lower() != b"keep-alive" or fields.keys() & _NOT_HERE:
        return None
    try:
        model, which = (_unquote(part or b"") for part in (line[1] or line[4], line[3] or line[6]))
    except ValueError:
        return None
    place = (line[2] or line[5] or b"").decode()
    if place == "versions" and not _NUMBER.fullmatch(which):
        return None

    def header(name: str) -> str:
        return fields.get(name.encode(), b"").decode()

    said = asked(model, place, which, header, INFERENCE if line[4] else MLFLOW)
    return Head(said, int(length), token=sent(header("authorization"), header("cookie")))


def _fields(lines: list[bytes]) -> dict[bytes, bytes] | None:
    fields: dict[bytes, bytes] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None or found[1].lower() in fields or b"_" in found[1]:
            return None
        fields[found[1].lower()] = found[2]
    return fields


def _unquote(part: bytes) -> str:
    if _ESCAPE.search(part):
        raise ValueError
    text = unquote_to_bytes(part).decode()
    if "/" in text or "\0" in text:
        raise ValueError
    return text
