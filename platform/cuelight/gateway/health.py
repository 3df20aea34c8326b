"""Who is fit to serve: asked every second, and judged by what they answer to callers."""

from __future__ import annotations

from cuelight.gateway.messages import Message, seconds
from cuelight.kit.settings import Settings

READY_PATH = "/readyz"
_FAILURES, _SUCCESSES = 2, 1  # in a row, until a host is out or in


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


def outliers(_: Settings) -> Message:
    """Who answers probes, and fails its callers, is left out for a while: the longer, the oftener."""
    return {
        "interval": "1s",
        "base_ejection_time": "10s",
        "max_ejection_time": "120s",
        "max_ejection_percent": 50,  # the others must bear it; and where all fail alike, it is not the hosts
        "consecutive_5xx": 5,
        "successful_active_health_check_uneject_host": False,
    }
