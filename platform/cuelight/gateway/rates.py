"""How many requests a second one caller may make, and one model may get; past that it is 429.

Each caller and each model has a token bucket of its own, in Envoy's memory: it holds as many requests as may come at
once (the burst), and is filled at the rate. A limit of 0 is none.
"""

from __future__ import annotations

import math

from cuelight.gateway.headers import CALLER
from cuelight.gateway.messages import Message, extension, seconds
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_HTTP = "envoy.extensions.filters.http"
_FOUND = "cuelight"  # where Envoy notes down what it found in a request, for its other parts
_MODEL = "model"
# The model's name as the path has it, in its normal form. `/invocations` names none, and is counted by itself.
_NAMED = r"^(?:/v2)?/models/([^/?]+).*$"
_MOST = 10_000  # callers, and models, that are remembered; the one that was silent longest is forgotten
_ALWAYS = {"default_value": {"numerator": 100}}


def check(settings: Settings) -> None:
    """Make sure that the limits can be kept.

    Raises:
        Misconfigured: one is below 0, or lets nobody in.
    """
    for key, rate, burst in _limits(settings):
        if rate < 0 or burst < 1:
            raise Misconfigured(f"gateway.{key}_rate must be 0 (no limit) or above, gateway.{key}_burst 1 or above.")


def filters(settings: Settings) -> list[Message]:
    """What counts requests, if anything is limited: first the caller's, so that who is refused takes no model's."""
    counts = [_count(key, rate, burst) for key, rate, burst in _limits(settings) if rate]
    return [_note_model(), *counts] if counts else []


def counted(settings: Settings, scores: bool) -> list[Message]:
    """What a route's requests count for: their caller, and where it `scores`, the model."""
    by_caller = {"request_headers": {"header_name": CALLER, "descriptor_key": "caller"}}
    noted = {"key": _FOUND, "path": [{"key": _MODEL}]}
    by_model = {"metadata": {"descriptor_key": "model", "metadata_key": noted, "source": "DYNAMIC"}}
    wanted = [(by_caller, settings.gateway_caller_rate), (by_model, settings.gateway_model_rate if scores else 0)]
    return [{"actions": [action]} for action, rate in wanted if rate]


def retry_after(settings: Settings) -> int:
    """Whole seconds after which a refused caller may have one request again."""
    rates = [rate for _, rate, _ in _limits(settings) if rate]
    return max(1, math.ceil(1 / min(rates))) if rates else 1


def _limits(settings: Settings) -> list[tuple[str, float, int]]:
    return [
        ("caller", settings.gateway_caller_rate, settings.gateway_caller_burst),
        ("model", settings.gateway_model_rate, settings.gateway_model_burst),
    ]


def _count(key: str, rate: float, burst: int) -> Message:
    """A bucket for every value that `key` has; Envoy fills it evenly, and not in steps."""
    whole = math.ceil(rate)
    bucket = {"max_tokens": max(1, burst), "tokens_per_fill": whole, "fill_interval": seconds(whole / rate)}
    return extension(
        f"cuelight.{key}",
        f"{_HTTP}.local_ratelimit.v3.LocalRateLimit",
        stat_prefix=key,
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        descriptors=[{"entries": [{"key": key}], "token_bucket": bucket}],
        max_dynamic_descriptors=_MOST,
    )


def _note_model() -> Message:
    named = {"pattern": {"regex": _NAMED}, "substitution": r"\1"}
    note = {"metadata_namespace": _FOUND, "key": _MODEL, "type": "STRING", "regex_value_rewrite": named}
    return extension(
        "envoy.filters.http.header_to_metadata",
        f"{_HTTP}.header_to_metadata.v3.Config",
        request_rules=[{"header": ":path", "on_header_present": note}],
    )
