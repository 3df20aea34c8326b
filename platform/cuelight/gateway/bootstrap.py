"""What Envoy reads when it starts; all that changes later is in files that this one names."""

from __future__ import annotations

from cuelight.gateway.balancing import LOCALITY
from cuelight.gateway.clusters import FLEET, clusters
from cuelight.gateway.listener import entry
from cuelight.gateway.messages import Message, pipe
from cuelight.gateway.operator import operator
from cuelight.gateway.overload import overload
from cuelight.gateway.places import ADMIN_SOCKET
from cuelight.kit.settings import Settings


def bootstrap(settings: Settings) -> Message:
    """The whole configuration."""
    document: Message = {
        "node": _node(settings),
        "admin": {"address": pipe(ADMIN_SOCKET), "ignore_global_conn_limit": True},
        "overload_manager": overload(settings),
        "static_resources": {
            "listeners": [entry(settings), operator(settings)],
            "clusters": clusters(settings),
        },
    }
    if settings.gateway_balance == LOCALITY:
        document["cluster_manager"] = {"local_cluster_name": FLEET}
    return document


def _node(settings: Settings) -> Message:
    return {
        "id": settings.host_name,
        "cluster": FLEET,
        "locality": {"zone": settings.gateway_zone},
    }
