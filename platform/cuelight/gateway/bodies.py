"""How large a request may be: its headers (431), and its body (413)."""

from __future__ import annotations

from cuelight.gateway.messages import Message, extension, typed
from cuelight.kit.settings import Settings

_NAME = "envoy.filters.http.buffer"
_KIND = "envoy.extensions.filters.http.buffer.v3"
_LARGEST = (1 << 63) - 1

# A token has its place in them, and a browser's cookies.
HEADERS: Message = {"max_request_headers_kb": 32}
HEADER_COUNT = 100


def whole(settings: Settings) -> Message:
    """Wait for a request's whole body before anybody is asked, on routes that say so by `held`."""
    kind = f"{_KIND}.Buffer"
    return {**extension(_NAME, kind, max_request_bytes=settings.serving_max_body_bytes), "disabled": True}


def held(settings: Settings) -> Message:
    """A route's `typed_per_filter_config`: slow callers hold up no worker, and 413 is said before one is asked."""
    return {_NAME: typed(f"{_KIND}.BufferPerRoute", buffer={"max_request_bytes": settings.serving_max_body_bytes})}


def too_large(settings: Settings) -> Message:
    """What a route matches on to refuse a body by its length, before it comes."""
    beyond = {"start": settings.serving_max_body_bytes + 1, "end": _LARGEST}
    return {"name": "content-length", "range_match": beyond}
