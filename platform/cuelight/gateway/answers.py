"""What Envoy itself answers, in the one error shape of serving."""

from __future__ import annotations

from cuelight.gateway.messages import Message
from cuelight.kit import errors

# Status, error code, what is to be done.
_ANSWERS: tuple[tuple[int, str, str], ...] = (
    (400, errors.BadInput.code, "The request is not one that HTTP allows. Look at its path and headers."),
    (
        404,
        errors.NotFound.code,
        "There is nothing at this URL, or not by this method. GET /models lists what is served; "
        "score at POST /models/NAME/invocations.",
    ),
    (408, "REQUEST_TIMEOUT", "The request did not come whole in time. Send it again."),
    (413, errors.TooLarge.code, "The body is larger than serving.max_body_bytes."),
    (503, errors.Unavailable.code, "No serving host can take this request now. Try again."),
    (504, errors.DeadlineExceeded.code, "The answer was not there in time."),
)
_OTHER = ("INTERNAL_ERROR", "The gateway could not pass this request on. Its access log says why.")
_RETRY_LATER = {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def local_replies() -> Message:
    """Envoy's `local_reply_config`: each status with its code and message, and the request's id."""
    return {
        "mappers": [_mapper(*each) for each in _ANSWERS],
        "body_format": _body(*_OTHER),
    }


def _mapper(status: int, code: str, message: str) -> Message:
    return {
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": _constant(status)}}},
        "body_format_override": _body(code, message),
        "headers_to_add": [_ECHOED, *([_RETRY_LATER] if status == 503 else [])],
    }


def _constant(status: int) -> Message:
    return {"default_value": status, "runtime_key": "cuelight.none"}  # the key may not be empty


def _body(code: str, message: str) -> Message:
    return {"json_format": {"error_code": code, "message": message, "request_id": "%REQ(X-REQUEST-ID)%"}}


_ECHOED = {
    "header": {"key": "x-request-id", "value": "%REQ(X-REQUEST-ID)%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
