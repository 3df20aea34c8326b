"""What the gateway writes into requests, and what callers may not."""

from __future__ import annotations

from cuelight.gateway.messages import Message

# One id per request that came in, whatever its caller calls it: a retry has the same.
GATEWAY_REQUEST = "x-cuelight-gateway-request"
ATTEMPT = "x-envoy-attempt-count"  # 1, or 2 for a retry; Envoy's own


def _set(name: str, value: str) -> Message:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


ADDED: list[Message] = [_set(GATEWAY_REQUEST, "%UNIQUE_ID%")]
STRIPPED: list[str] = ["x-forwarded-host", "x-forwarded-prefix", "x-real-ip"]
