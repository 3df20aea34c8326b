"""A scoring request as the request path sees it, by whichever way it came in."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct, field

from cuelight.kit.errors import BadInput, CuelightError
from cuelight.kit.identity import new_id
from cuelight.protocol.media import INFERENCE, MLFLOW
from cuelight.protocol.passage import DIRECT, Passage

LONGEST_ID = 128  # characters of a caller's request id; a longer one is replaced by one of ours
_MILLISECONDS = re.compile(r"0*[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What URL and headers say; equal for all requests of a caller, so that it can be remembered.

    Of track, alias and version at most one is given; none means Production, shared with a canary by `key` where it
    has one. `encoding` is how the body is compressed, `header_length` how many of its bytes are JSON before binary
    tensors, `timeout_ms` what the caller is willing to wait; each is as it was sent, and empty where it was not.
    """

    model: str
    media_type: str = ""
    track: str = ""
    alias: str = ""
    version: str = ""
    protocol: str = MLFLOW
    encoding: str = ""
    accept: str = ""
    header_length: str = ""
    timeout_ms: str = ""
    key: str = ""


class Party(NamedTuple):
    """One of two versions that are held against each other, as metrics name it."""

    model: str
    version: int
    track: str
    arm: str


class Call(Struct, frozen=True):
    """One scoring request.

    `fault`: what is wrong with it before its body is looked at; it is answered and recorded. `arrived`: when it had
    come whole; after `deadline` its answer is of no use. Both by `time.monotonic`. `mirrors`: the id of the
    prediction that this call repeats, in the shadow; `sides`: the versions that it is repeated of, in a rematch.
    `prediction_id` is here from the start: where a caller has no key, it says which arm of a canary answers.
    `traceparent`: the caller's trace, as it was sent. `passage`: how it came through the gateway.
    """

    asked: Asked
    body: bytes
    request_id: str = ""
    client: str = ""
    caller: str = ""
    fault: CuelightError | None = None
    arrived: float = field(default_factory=time.monotonic)
    deadline: float = math.inf
    mirrors: str = ""
    sides: tuple[Party, ...] = ()
    prediction_id: str = field(default_factory=new_id)
    traceparent: str = ""
    passage: Passage = DIRECT


@lru_cache(maxsize=512)
def patience(timeout_ms: str, longest: float) -> float:
    """How many seconds a caller waits who sent this `X-Request-Timeout-Ms`; nobody waits for longer than `longest`.

    Raises:
        BadInput: it is no whole number above zero.
    """
    if not timeout_ms:
        return longest
    if not _MILLISECONDS.fullmatch(timeout_ms):
        raise BadInput("X-Request-Timeout-Ms takes a whole number of milliseconds above zero.")
    return min(int(timeout_ms) / 1000, longest)


def protocol_of(path: str) -> str:
    """The protocol that a URL's path belongs to."""
    return INFERENCE if path == "/v2" or path.startswith("/v2/") else MLFLOW


def asked(model: str, place: str, which: str, header: Callable[[str], str], protocol: str = MLFLOW) -> Asked:
    """What a scoring URL and its headers say: `/models/{model}/{place}/{which}/…`, `header` by lower-case name.

    Where the URL names no version, `X-Model-Version` may, and else `X-Model-Track`.
    """
    if not place:
        place, which = "versions", header("x-model-version")
    if not which:
        place, which = "stages", header("x-model-track")
    return Asked(
        model=model,
        media_type=header("content-type"),
        track=which if place == "stages" else "",
        alias=which if place == "aliases" else "",
        version=which if place == "versions" else "",
        protocol=protocol,
        encoding=header("content-encoding"),
        accept=header("accept"),
        header_length=header("inference-header-content-length"),
        timeout_ms=header("x-request-timeout-ms"),
        key=header("x-cuelight-key"),
    )
