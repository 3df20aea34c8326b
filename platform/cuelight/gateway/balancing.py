"""How requests are shared between the hosts that are fit to serve."""

from __future__ import annotations

import re

from cuelight.gateway.messages import Message, seconds
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

ROUND_ROBIN, LEAST_REQUEST, WEIGHTED, LOCALITY = "round-robin", "least-request", "weighted", "locality"


def balancing(settings: Settings) -> Message:
    """The fields of a cluster that say how its requests are shared.

    Nobody is asked who is unfit, however few are left (Envoy's panic mode would ask), and from the moment that it is
    known (Envoy would gather such news for a second).
    """
    common: Message = {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"}
    if settings.gateway_balance == LOCALITY:
        common["zone_aware_lb_config"] = {"min_cluster_size": 1}
    if settings.gateway_balance == LEAST_REQUEST:
        policy: Message = {"lb_policy": "LEAST_REQUEST", "least_request_lb_config": _slow_start(settings)}
    else:
        policy = {"lb_policy": "ROUND_ROBIN", "round_robin_lb_config": _slow_start(settings)}
    return {**policy, "common_lb_config": common}


def weights(settings: Settings) -> dict[str, int]:
    """Weights by replica, from `gateway.weights`; they go before those of `home/replicas.json`.

    Raises:
        Misconfigured: it is not a list such as `replica-1=2,replica-2=1`.
    """
    found = {}
    for each in filter(None, settings.gateway_weights.replace(" ", "").split(",")):
        name, _, weight = each.partition("=")
        if not name or not re.fullmatch(r"[1-9][0-9]?|1[01][0-9]|12[0-8]", weight):
            raise Misconfigured(
                f"gateway.weights takes REPLICA=WEIGHT, comma-separated, with weights from 1 to 128; {each!r} is none."
            )
        found[name] = int(weight)
    return found


def _slow_start(settings: Settings) -> Message:
    """A host that has just come gets its share bit by bit."""
    if not settings.gateway_slow_start_seconds:
        return {}
    window = seconds(settings.gateway_slow_start_seconds)
    return {"slow_start_config": {"slow_start_window": window, "min_weight_percent": {"value": 10}}}
