"""Who serves, and the gateways of all zones: the two files that are rewritten as replicas come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from cuelight.gateway.balancing import WEIGHTED, weights
from cuelight.gateway.clusters import FLEET
from cuelight.gateway.messages import Message, address, typed
from cuelight.gateway.routes import SERVING
from cuelight.kit.settings import Settings
from cuelight.operations.replicas import Replica

_ASSIGNMENT = "envoy.config.endpoint.v3.ClusterLoadAssignment"


def endpoints(replicas: Sequence[Replica], settings: Settings) -> Message:
    """The replicas by zone; one that is draining gets nothing new, and finishes what it has.

    Raises:
        Misconfigured: weights count, and the setting is no list of them.
    """
    counted: Mapping[str, int] = {}
    if settings.gateway_balance == WEIGHTED:
        counted = {each.name: each.weight or 1 for each in replicas} | weights(settings)
    zones = groupby(sorted(replicas, key=lambda each: (each.zone, each.name)), key=lambda each: each.zone)
    localities = [
        {"locality": {"zone": zone}, "lb_endpoints": [_member(each, counted) for each in members]}
        for zone, members in zones
    ]
    return typed(_ASSIGNMENT, cluster_name=SERVING, endpoints=localities)


def _member(replica: Replica, counted: Mapping[str, int]) -> Message:
    member: Message = {
        "endpoint": {"hostname": replica.name, "address": address(replica.address, replica.port)},
        "health_status": "DRAINING" if replica.draining else "HEALTHY",
    }
    if counted:
        member["load_balancing_weight"] = counted[replica.name]
    return member


def fleet(replicas: Sequence[Replica], settings: Settings) -> Message:
    """One gateway a zone: this one's, and those of all zones that replicas are in."""
    zones = sorted({settings.gateway_zone, *(each.zone for each in replicas)})
    return typed(_ASSIGNMENT, cluster_name=FLEET, endpoints=[_gateway(*each) for each in enumerate(zones, 1)])


def _gateway(number: int, zone: str) -> Message:
    """Gateways are counted, never called: any address does, if no other has it."""
    return {"locality": {"zone": zone}, "lb_endpoints": [{"endpoint": {"address": address("127.0.0.1", number)}}]}
