"""A request's way through the gateway: what that writes into its head, and callers can't."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# One id for each request that came in, whatever its caller calls it: a retry has the same.
GATEWAY_REQUEST = "x-cuelight-gateway-request"
ATTEMPT = "x-envoy-attempt-count"  # 1, or 2 for a retry; Envoy's own
_LONGEST = 64


class Passage(NamedTuple):
    """The gateway's own id of a request (empty: it did not come that way), and the how manieth attempt this is."""

    request: str = ""
    attempt: int = 1


DIRECT = Passage()


def passage(header: Callable[[str], str]) -> Passage:
    """What the head says, `header` by lower-case name; what is not the gateway's is as if it was not there."""
    request, attempt = header(GATEWAY_REQUEST), header(ATTEMPT) or "1"
    if not (0 < len(request) <= _LONGEST and attempt.isdecimal() and attempt.isascii() and len(attempt) <= 2):
        return DIRECT
    return Passage(request, max(1, int(attempt)))
