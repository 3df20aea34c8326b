"""Who is fit to serve: asked every second, and judged by what they answer to callers."""

from __future__ import annotations

from cuelight.gateway.messages import Message, seconds
from cuelight.kit.settings import Settings

READY_PATH = "/readyz"
_FAILURES, _SUCCESSES = 2, 1  # probes in a row, until a host is out or in
_IN_A_ROW = 20  # failed requests, until a host is left out


def active(settings: Settings) -> list[Message]:
    """`/readyz` of every host, also while nobody calls."""
    every = seconds(settings.gateway_health_seconds)
    return [
        {
            "timeout": every,
            "interval": every,
            "no_traffic_interval": every,
            "unhealthy_threshold": _FAILURES,
            "healthy_threshold": _SUCCESSES,
            "http_health_check": {"path": READY_PATH},
        }
    ]


def outliers() -> Message:
    """Who answers probes, and fails its callers, is left out for a while: the longer, the oftener.

    What counts: answers that `FAULT` says are faults; and resets and time-outs, which are counted apart.
    A host is out after so many in a row that one broken model among several does not take it out.
    """
    return {
        "interval": "1s",  # how often it is looked whose time is over
        "base_ejection_time": "10s",
        "max_ejection_time": "120s",
        "max_ejection_percent": 50,  # where all fail alike it is not the hosts, and the others must bear it
        "split_external_local_origin_errors": True,
        "consecutive_5xx": _IN_A_ROW,
        "consecutive_local_origin_failure": _IN_A_ROW,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "successful_active_health_check_uneject_host": False,
    }


# Not 503 and 504: a host that is busy, or a caller in a hurry, is no fault, and would take hosts out under overload.
FAULT: Message = {"http_response_headers_match": {"headers": [{"name": ":status", "string_match": {"exact": "500"}}]}}
