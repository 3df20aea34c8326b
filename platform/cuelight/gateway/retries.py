"""A scoring request's second chance: it may safely run twice, and nothing else is tried again."""

from __future__ import annotations

from cuelight.gateway.messages import Message, seconds, typed
from cuelight.kit.settings import Settings

_LEAST_AT_ONCE = 64  # all that a dead host had may be asked again at the same time, where callers are few
_PREVIOUS = typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")


def once_more(settings: Settings, several: bool) -> Message:
    """Fields of a route: where no answer came at all, the request goes to another host, if there is one, and once.

    A host that hangs breaks nothing off. Where there are `several`, a request that has waited long is asked of another
    as well, and who answers first has answered: a version that always takes so long is asked twice, and its callers
    lose nothing. One host alone would only have its work doubled while it is slow.
    """
    policy: Message = {
        "retry_on": "connect-failure,refused-stream,reset",
        "num_retries": 1,
        "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.05s"},  # it is another host's turn
        "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": _PREVIOUS}],
        "host_selection_retry_max_attempts": 5,
    }
    if not (several and settings.gateway_hedge_seconds):
        return {"retry_policy": policy}
    policy["per_try_timeout"] = seconds(settings.gateway_hedge_seconds)
    return {"retry_policy": policy, "hedge_policy": {"hedge_on_per_try_timeout": True}}


def budget(settings: Settings) -> Message:
    """Retries at once, over all requests to a cluster: a trouble that all hosts share is not made worse by them."""
    percent = {"value": settings.gateway_retry_percent}
    return {"budget_percent": percent, "min_retry_concurrency": _LEAST_AT_ONCE}
