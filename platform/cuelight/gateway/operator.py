"""A listener on loopback for those who run the gateway: pages of Envoy's admin interface that change nothing."""

from __future__ import annotations

from cuelight.gateway.clusters import ADMIN
from cuelight.gateway.listener import manager, router
from cuelight.gateway.messages import Message, address
from cuelight.kit.settings import Settings

HOST = "127.0.0.1"
PAGES = {
    "/metrics": "/stats/prometheus?usedonly",
    "/clusters": "/clusters?format=json",
    "/ready": "/ready",
}


def operator(settings: Settings) -> Message:
    """The listener that Prometheus, `cuelight up` and `cuelight status` ask."""
    host = {"name": "operator", "domains": ["*"], "routes": [_page(*each) for each in PAGES.items()]}
    routes = {"name": "operator", "virtual_hosts": [host]}
    filters = [manager("operator", route_config=routes, http_filters=[router()])]
    where = address(HOST, settings.gateway_admin_port)
    listener = {"name": "operator", "address": where, "filter_chains": [{"filters": filters}]}
    return {**listener, "ignore_global_conn_limit": True, "bypass_overload_manager": True}  # it tells of overload, too


def _page(path: str, shown: str) -> Message:
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    return {"match": {"path": path, "headers": [get]}, "route": {"cluster": ADMIN, "prefix_rewrite": shown}}
