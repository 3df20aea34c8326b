"""What Envoy itself answers, in the one error shape of serving."""

from __future__ import annotations

from cuelight.gateway import rates
from cuelight.gateway.headers import put
from cuelight.gateway.messages import Message
from cuelight.kit import errors
from cuelight.kit.settings import Settings

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
    (
        429,
        "REQUEST_LIMIT_EXCEEDED",
        "These are more requests than this caller, or this model, may have: wait as long as Retry-After says.",
    ),
    (431, "REQUEST_HEADERS_TOO_LARGE", "The headers are too many, or too large."),
    (503, errors.Unavailable.code, "No serving host can take this request now. Try again."),
    (504, errors.DeadlineExceeded.code, "The answer was not there in time."),
)
_OTHER = ("INTERNAL_ERROR", "The gateway could not pass this request on. Its access log says why.")
_ABSENT = "%REQ(X-CUELIGHT-ABSENT)%"  # beside it what is missing is an empty text, and no null


def local_replies(settings: Settings) -> Message:
    """Envoy's `local_reply_config`: each status with its code and message, and the request's id.

    Callers by the Open Inference Protocol look for the message under `error`: for them it is there as well.
    """
    waits = {429: rates.retry_after(settings), 503: 1}
    return {
        "mappers": [
            _mapper(*answer, waits.get(answer[0], 0), inference) for answer in _ANSWERS for inference in (True, False)
        ],
        "body_format": _body(*_OTHER, inference=False),
    }


def _mapper(status: int, code: str, message: str, wait: int, inference: bool) -> Message:
    is_status = {"status_code_filter": {"comparison": {"op": "EQ", "value": _constant(status)}}}
    return {
        "filter": {"and_filter": {"filters": [is_status, _INFERENCE]}} if inference else is_status,
        "body_format_override": _body(code, message, inference),
        "headers_to_add": [_ECHOED, *([put("retry-after", str(wait))] if wait else [])],
    }


def _constant(status: int) -> Message:
    return {"default_value": status, "runtime_key": "cuelight.none"}  # the key may not be empty


def _body(code: str, message: str, inference: bool) -> Message:
    shape = {"error_code": code, "message": message, "request_id": f"%REQ(X-REQUEST-ID)%{_ABSENT}"}
    return {"json_format": shape | ({"error": message} if inference else {}), "omit_empty_values": True}


_INFERENCE: Message = {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": "/v2/"}}}}
_ECHOED = put("x-request-id", "%REQ(X-REQUEST-ID)%")
