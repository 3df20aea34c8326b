"""One JSON line a request, in a file; neither bodies nor tokens are in it."""

from __future__ import annotations

from pathlib import Path

from cuelight.gateway.headers import SUBJECT
from cuelight.gateway.messages import Message, extension
from cuelight.protocol.passage import ATTEMPT, GATEWAY_REQUEST

# By name in the line, Envoy's command operators. Times are in milliseconds.
FIELDS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "caller": f"%DYNAMIC_METADATA({SUBJECT})%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "route": "%ROUTE_NAME%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "why": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "ms": "%DURATION%",
    "upstream_ms": "%RESPONSE_DURATION%",
    "upstream": "%UPSTREAM_CLUSTER%",
    "replica": "%UPSTREAM_HOST_NAME%",
    "attempts": f"%REQ({ATTEMPT})%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "gateway_request": f"%REQ({GATEWAY_REQUEST})%",
    "prediction_id": "%RESP(X-PREDICTION-ID)%",
}


def to_file(path: Path) -> Message:
    """Envoy's access log at `path`."""
    return extension(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=str(path.absolute()),
        log_format={"json_format": FIELDS},
    )
