"""A request's way through the gateway: what that writes into its head, and callers can't."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

# One id for each request that came in, whatever its caller calls it: a retry has the same.
GATEWAY_REQUEST = "x-cuelight-gateway-request"
ATTEMPT = "x-envoy-attempt-count"  # 1, or 2 for a retry; Envoy's own
CLIENT = "x-cuelight-client"  # the address that it came from
HEADERS = (GATEWAY_REQUEST, ATTEMPT, CLIENT)
_LONGEST = 64
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")


class Passage(NamedTuple):
    """The gateway's own id of a request (empty: it did not come that way), the how manieth attempt, and whose it is."""

    request: str = ""
    attempt: int = 1
    client: str = ""


DIRECT = Passage()


def passage(header: Callable[[str], str]) -> Passage:
    """What the head says, `header` by lower-case name; what is not the gateway's is as if it was not there."""
    request, attempt = header(GATEWAY_REQUEST), header(ATTEMPT) or "1"
    if not (0 < len(request) <= _LONGEST and attempt.isdecimal() and attempt.isascii() and len(attempt) <= 2):
        return DIRECT
    client = header(CLIENT)
    return Passage(request, max(1, int(attempt)), client if _ADDRESS.fullmatch(client) else "")
