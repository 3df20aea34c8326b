"""How much the gateway itself may take: memory, and connections. Who takes most of it is sent away first.

Envoy holds a body until it is whole. Halves of many must not take the memory that everybody else's requests need:
what is done about them grows with the share of `gateway.memory_bytes` that is taken.
"""

from __future__ import annotations

import resource

from cuelight.gateway.messages import Message, extension, seconds, typed
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_HEAP, _CONNECTIONS = "envoy.resource_monitors.fixed_heap", "envoy.resource_monitors.global_downstream_max_connections"
_MONITORS, _CONFIG = "envoy.extensions.resource_monitors", "envoy.config.overload.v3"
_ABORT = ("http1_server_abort_dispatch", "http2_server_go_away_and_close_on_dispatch")
_LOOK_SECONDS = 0.05
_BODIES = 4  # at least so many of the largest must fit
_LEAST_BYTES = 64 << 20  # Envoy's own 10 MiB, and some connections
_TRACKED_POWER = 15  # by HTTP/2 a request that holds less than 2^15 bytes is never taken for a large one
# What is silent for so long goes, where most of the memory is taken: connections, and requests, answers waited for
# included.
_PATIENCE = {"HTTP_DOWNSTREAM_CONNECTION_IDLE": "2s", "HTTP_DOWNSTREAM_STREAM_IDLE": "5s"}


def check(settings: Settings) -> None:
    """Make sure that the gateway can do with so much.

    Raises:
        Misconfigured: it is too little.
    """
    if settings.gateway_memory_bytes < max(_LEAST_BYTES, _BODIES * settings.serving_max_body_bytes):
        raise Misconfigured(
            f"gateway.memory_bytes must be {_LEAST_BYTES} or above, and {_BODIES} times serving.max_body_bytes."
        )
    if settings.gateway_connections < 1:
        raise Misconfigured("gateway.connections must be 1 or above.")


def overload(settings: Settings) -> Message:
    """Envoy's overload manager. Shares are of the memory: each step is taken where the ones before were not enough."""
    return {
        "refresh_interval": seconds(_LOOK_SECONDS),
        "resource_monitors": [_memory(settings), _connections(settings)],
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": _TRACKED_POWER},
        "actions": [
            _action("shrink_heap", _past(0.5), _shrinking()),  # what is free counts as taken until it is given back
            _action("reduce_timeouts", _between(0.5, 0.85), _impatience()),
            _action("reset_high_memory_stream", _between(0.6, 0.9)),  # Envoy knows them by HTTP/2 alone
            _action("disable_http_keepalive", _past(0.8)),
            _action("stop_accepting_requests", _past(0.85)),
        ],
        # Of requests that were let in before, nothing more is read: without this they could go on growing.
        "loadshed_points": [{"name": f"envoy.load_shed_points.{name}", "triggers": [_past(0.95)]} for name in _ABORT],
    }


def _memory(settings: Settings) -> Message:
    kind = f"{_MONITORS}.fixed_heap.v3.FixedHeapConfig"
    return extension(_HEAP, kind, max_heap_size_bytes=settings.gateway_memory_bytes)


def _connections(settings: Settings) -> Message:
    """At most half of the files that a process may open: hosts, logs and the rest need some, too."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = settings.gateway_connections if files == resource.RLIM_INFINITY else files // 2
    kind = f"{_MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig"
    return extension(_CONNECTIONS, kind, max_active_downstream_connections=min(settings.gateway_connections, most))


def _action(name: str, trigger: Message, config: Message | None = None) -> Message:
    action: Message = {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}
    return action | ({"typed_config": config} if config else {})


def _past(share: float) -> Message:
    return {"name": _HEAP, "threshold": {"value": share}}


def _between(none: float, all_of_it: float) -> Message:
    """Nothing up to the first share, all from the second on."""
    return {"name": _HEAP, "scaled": {"scaling_threshold": none, "saturation_threshold": all_of_it}}


def _shrinking() -> Message:
    return typed(f"{_CONFIG}.ShrinkHeapConfig", timer_interval="1s", max_unfreed_memory_bytes=1 << 20)


def _impatience() -> Message:
    timers = [{"timer": name, "min_timeout": least} for name, least in _PATIENCE.items()]
    return typed(f"{_CONFIG}.ScaleTimersOverloadActionConfig", timer_scale_factors=timers)
