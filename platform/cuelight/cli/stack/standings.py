"""What the gateway knows of each replica, as its own pages show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from cuelight.gateway.routes import SERVING
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings

_PATIENCE_SECONDS = 120.0
_QUIET_SECONDS = 0.5  # nothing in flight for so long: by then all of Envoy's threads know that it drains
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Standing:
    """A replica as the gateway sees it: requests since the gateway or the replica came, and those that it has now."""

    healthy: bool
    draining: bool
    requests: int
    in_flight: int


def standings(settings: Settings) -> dict[str, Standing]:
    """Every replica that the gateway knows, by name.

    Raises:
        Unavailable: it does not answer.
    """
    url = f"http://127.0.0.1:{settings.gateway_admin_port}/clusters"
    try:
        answer = urllib3.request("GET", url, timeout=5.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"The gateway does not answer at {url}. Is `cuelight up` running?") from error
    if answer.status != 200:
        raise Unavailable(f"GET {url} was answered by {answer.status}.")
    return read(answer.json())


def await_quiet(settings: Settings, name: str) -> None:
    """Until the gateway sends a replica nothing, and all that it has is answered.

    Raises:
        Unavailable: it still has requests after the longest that one may take, or the gateway does not answer.
    """
    if not settings.gateway_port:
        return  # nobody tells what is in flight: it is answered while the server stops
    patience = settings.serving_timeout_seconds + _PATIENCE_SECONDS
    deadline, since = time.monotonic() + patience, float("inf")
    while time.monotonic() - since < _QUIET_SECONDS:
        found = standings(settings).get(name)
        quiet = found is None or (found.draining and not found.in_flight)
        since = min(since, time.monotonic()) if quiet else float("inf")
        if time.monotonic() > deadline:
            raise Unavailable(_unquiet(name, heard=found is None or found.draining))
        time.sleep(_PAUSE_SECONDS)


def _unquiet(name: str, heard: bool) -> str:
    if heard:
        return f"{name} still has requests; it gets no new ones. Try again."
    return f"The gateway still sends {name} requests: it has not heard that it is drained. Look at the gateway's log."


def read(document: Mapping[str, Any]) -> dict[str, Standing]:
    """The same from Envoy's `/clusters?format=json`."""
    clusters = [each for each in document.get("cluster_statuses", ()) if each["name"] == SERVING]
    return {host["hostname"]: _standing(host) for each in clusters for host in each.get("host_statuses", ())}


def _standing(host: Mapping[str, Any]) -> Standing:
    numbers = {each["name"]: int(each.get("value", 0)) for each in host["stats"]}
    health = host["health_status"]
    said = health.get("eds_health_status", "HEALTHY")
    failed = any(value is True for value in health.values())
    return Standing(
        healthy=said == "HEALTHY" and not failed,
        draining=said == "DRAINING",
        requests=numbers.get("rq_total", 0),
        in_flight=numbers.get("rq_active", 0),
    )
