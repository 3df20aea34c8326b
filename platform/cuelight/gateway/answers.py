"""What Envoy itself answers, in the one error shape of serving."""

from __future__ import annotations

from cuelight.gateway import rates, tokens
from cuelight.gateway.headers import put
from cuelight.gateway.messages import Message, extension
from cuelight.kit import errors
from cuelight.kit.settings import Settings

# Status, error code, what is to be done.
_ANSWERS: tuple[tuple[int, str, str], ...] = (
    (400, errors.BadInput.code, "The request is not one that HTTP allows. Look at its path and headers."),
    (401, errors.Unauthenticated.code, "This takes a valid token: send `Authorization: Bearer TOKEN`."),
    (403, errors.Forbidden.code, "This token has not the scope that it takes: ask for one that has it."),
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
    (
        503,
        errors.Unavailable.code,
        "No serving host can take this request now, or the gateway has too much in hand. Try again.",
    ),
    (504, errors.DeadlineExceeded.code, "The answer was not there in time."),
)
_OTHER = ("INTERNAL_ERROR", "The gateway could not pass this request on. Its access log says why.")
_ABSENT = "%REQ(X-CUELIGHT-ABSENT)%"  # beside it what is missing is an empty text, and no null


def local_replies(settings: Settings) -> Message:
    """Envoy's `local_reply_config`: each status with its code and message, and the request's id.

    Callers by the Open Inference Protocol look for the message under `error`: for them it is there as well.
    """
    waits = {429: rates.retry_after(settings), 503: 1}
    more = {status: [put("retry-after", str(wait))] for status, wait in waits.items()} | {401: [_CHALLENGE]}
    mappers = [
        each
        for status, code, message in _ANSWERS
        for each in _mappers(_is_status(status), code, message, more.get(status, []))
    ]
    revoked = _mappers(_WAS_REVOKED, errors.Unauthenticated.code, _REVOKED, more[401])
    return {
        "mappers": [*({**each, "status_code": 401} for each in revoked), *mappers],
        "body_format": _body(*_OTHER, inference=False),
    }


def _mappers(found: Message, code: str, message: str, more: list[Message]) -> list[Message]:
    """How such an answer is written: for callers by the Open Inference Protocol, and for others."""
    return [
        {
            "filter": {"and_filter": {"filters": [found, _INFERENCE]}} if inference else found,
            "body_format_override": _body(code, message, inference),
            "headers_to_add": [_ECHOED, *more],
        }
        for inference in (True, False)
    ]


def _is_status(status: int) -> Message:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": _constant(status)}}}


def _constant(status: int) -> Message:
    return {"default_value": status, "runtime_key": "cuelight.none"}  # the key may not be empty


def _body(code: str, message: str, inference: bool) -> Message:
    shape = {"error_code": code, "message": message, "request_id": f"%REQ(X-REQUEST-ID)%{_ABSENT}"}
    return {"json_format": shape | ({"error": message} if inference else {}), "omit_empty_values": True}


_INFERENCE: Message = {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": "/v2/"}}}}
# A token that is refused by its id is not valid (401), where Envoy would say that it does not allow this (403).
_WAS_REVOKED: Message = {
    "extension_filter": extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression=tokens.WAS_REVOKED,
    )
}
_REVOKED = "This token was revoked: ask for a new one."
_CHALLENGE = put("www-authenticate", 'Bearer realm="cuelight"')
_ECHOED = put("x-request-id", "%REQ(X-REQUEST-ID)%")
