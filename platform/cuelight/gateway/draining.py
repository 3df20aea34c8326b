"""The end of a gateway: nobody new is let in, and who is in is answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from cuelight.gateway.admin import ask

SECONDS = 15.0  # as serving's workers have
_IDLE_SECONDS = 1.0
_LOOK_SECONDS = 0.05
_REQUESTS, _CONNECTIONS = "http.entry.downstream_rq_active", "http.entry.downstream_cx_active"


def drain(folder: Path, alive: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Close the gateway's door, and wait until requests in hand are answered, or so many seconds are over.

    Answers say that their connection ends with them. Connections on which nothing is asked are waited for a second.

    Raises:
        OSError, http.client.HTTPException, ValueError: Envoy's admin interface in `folder` does not answer.
    """
    ask(folder, "POST", "/healthcheck/fail")  # from now on answers close their connection
    ask(folder, "POST", "/drain_listeners")
    began = time.monotonic()
    while alive() and time.monotonic() - began < seconds:
        requests, connections = _in_hand(folder)
        if not connections or (not requests and time.monotonic() - began > _IDLE_SECONDS):
            return
        time.sleep(_LOOK_SECONDS)


def _in_hand(folder: Path) -> tuple[int, int]:
    """Requests and connections."""
    answer = ask(folder, "GET", f"/stats?format=json&filter=^({_REQUESTS}|{_CONNECTIONS})$")
    values = {each["name"]: int(each["value"]) for each in json.loads(answer)["stats"]}
    return values.get(_REQUESTS, 0), values.get(_CONNECTIONS, 0)
