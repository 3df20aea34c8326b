"""What the gateway knows of each replica, as its own pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings

_CLUSTER = "serving"


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


def read(document: Mapping[str, Any]) -> dict[str, Standing]:
    """The same from Envoy's `/clusters?format=json`."""
    clusters = [each for each in document.get("cluster_statuses", ()) if each["name"] == _CLUSTER]
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
