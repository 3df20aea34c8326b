"""What the gateway writes into requests, and what callers may not."""

from __future__ import annotations

import json

from cuelight.gateway.messages import Message
from cuelight.protocol.passage import CLIENT, GATEWAY_REQUEST
from cuelight.registry.server_process import USER_HEADER

# Who asks, for what the gateway counts: the subject of a valid token, else the client's address.
CALLER = "x-cuelight-caller"
SUBJECT = "envoy.filters.http.jwt_authn:token:sub"  # where Envoy keeps it: the filter, the token, the claim
_WHO = {"operators": [{"command": "DYNAMIC_METADATA", "param": SUBJECT}, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"]}


def put(name: str, value: str) -> Message:
    """The header with this value and no other; Envoy's command operators stand for what they find."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


ADDED: list[Message] = [
    put(GATEWAY_REQUEST, "%UNIQUE_ID%"),
    put(CLIENT, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
]
WHO: Message = put(CALLER, f"%COALESCE({json.dumps(_WHO)})%")
# Who asks is never what a caller says: by these a proxy tells it to those behind.
IDENTITIES = (USER_HEADER, "x-forwarded-user", "x-remote-user", "remote-user")
STRIPPED: list[str] = [CALLER, "x-forwarded-host", "x-forwarded-prefix", "x-real-ip"]
