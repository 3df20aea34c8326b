"""Where requests go: the serving hosts, and Envoy's own admin interface."""

from __future__ import annotations

from cuelight.gateway import console
from cuelight.gateway.balancing import LOCALITY, balancing
from cuelight.gateway.health import FAULT, active, outliers
from cuelight.gateway.messages import Message, by_file, pipe, typed
from cuelight.gateway.places import ADMIN_SOCKET, Places
from cuelight.gateway.retries import budget
from cuelight.gateway.routes import SERVING
from cuelight.kit.settings import Settings

ADMIN, FLEET = "admin", "fleet"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_IDLE = "60s"  # below what gunicorn keeps: the gateway closes first
_MOST = 1 << 16
# Circuit breakers would be a second, blind limit: serving refuses who would wait for long, a host that hangs is out by
# two probes, and what waits is bounded by the gateway's memory and connections, and by its deadlines.
_UNLIMITED: Message = {"max_connections": _MOST, "max_pending_requests": _MOST, "max_requests": _MOST}


def clusters(settings: Settings) -> list[Message]:
    """All clusters."""
    return [serving(settings), admin(), *console.clusters(settings), *fleet(settings)]


def serving(settings: Settings) -> Message:
    """The serving hosts, as the file of endpoints names them."""
    return {
        "name": SERVING,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": by_file(Places(settings.gateway_folder).endpoints)},
        "connect_timeout": "1s",
        "health_checks": active(settings),
        "outlier_detection": outliers(),
        # Who is no longer named gets nothing more, and who is stopped gives back what it was asked.
        "ignore_health_on_host_removal": True,
        "close_connections_on_host_health_failure": True,
        "circuit_breakers": {"thresholds": [{**_UNLIMITED, "retry_budget": budget(settings)}]},
        "typed_extension_protocol_options": {_OPTIONS: http1()},
        **balancing(settings),
    }


def http1() -> Message:
    """HTTP/1.1 to those behind, on connections that the gateway closes first."""
    return typed(
        _OPTIONS,
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": _IDLE},
        outlier_detection={"error_matcher": FAULT},
    )


def admin() -> Message:
    """Envoy's admin interface, for the pages of it that are let out."""
    endpoint = {"endpoint": {"address": pipe(ADMIN_SOCKET)}}
    members = {"cluster_name": ADMIN, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": ADMIN, "type": "STATIC", "load_assignment": members}


def fleet(settings: Settings) -> list[Message]:
    """The gateways of all zones: by their number Envoy tells how much of its own zone's hosts is its share."""
    if settings.gateway_balance != LOCALITY:
        return []
    source = by_file(Places(settings.gateway_folder).fleet)
    return [{"name": FLEET, "type": "EDS", "eds_cluster_config": {"eds_config": source}}]
