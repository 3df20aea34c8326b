"""The one table from errors, which say who must act, to HTTP's status codes; and what several places say."""

from __future__ import annotations

import math

from cuelight.kit import errors

LATE = "The answer was not there by the request's deadline."
LARGE_BODY = "The body is larger than serving.max_body_bytes."

_STATUS: tuple[tuple[type[errors.CuelightError], int], ...] = (
    (errors.TooLarge, 413),
    (errors.WrongMediaType, 415),
    (errors.BadInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.DeadlineExceeded, 504),
    (errors.Unavailable, 503),
    (errors.Refused, 409),
    (errors.ModelFault, 500),
)

_CODES = {
    400: errors.BadInput.code,
    401: errors.Unauthenticated.code,
    403: errors.Forbidden.code,
    404: errors.NotFound.code,
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: errors.Refused.code,
    413: errors.TooLarge.code,
    415: errors.WrongMediaType.code,
    503: errors.Unavailable.code,
}


def status_of(error: errors.CuelightError) -> int:
    """The HTTP status that an error of ours means."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def code_of(status: int) -> str:
    """The error code for a fault that the HTTP layer found by itself."""
    return _CODES.get(status, errors.CuelightError.code if status >= 500 else errors.BadInput.code)


def headers_of(error: errors.CuelightError) -> dict[str, str]:
    """What else an answer says: when to try again, or how to say who one is."""
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="cuelight"'}
    return {}
