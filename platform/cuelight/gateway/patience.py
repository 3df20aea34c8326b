"""How long callers may take to ask, how long they wait for an answer, and when a silent connection is closed."""

from __future__ import annotations

from cuelight.gateway.headers import put
from cuelight.gateway.messages import Message, seconds
from cuelight.kit.settings import Settings

# More than serving itself takes to say that a request's time is over: its own answer says which model was late.
ANSWER_SECONDS = 5.0
_ASIDE_MS = 250  # the same, where a caller gave the time
_ASKED = "request.headers['x-request-timeout-ms']"
_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"  # Envoy's own: takes the place of the route's


def connections(settings: Settings) -> Message:
    """Fields of what speaks HTTP: 408 for who is too slow to ask, and an end to what is silent.

    Who opens a connection and says nothing costs a little memory, and no thread of serving.
    """
    idle = seconds(settings.gateway_idle_seconds)
    return {
        "request_headers_timeout": seconds(settings.gateway_header_seconds),
        "request_timeout": seconds(settings.gateway_body_seconds),
        "stream_idle_timeout": idle,
    }


def longest(settings: Settings) -> str:
    """The time that a serving host has for an answer, all attempts together."""
    return seconds(settings.serving_timeout_seconds + ANSWER_SECONDS)


def deadline(settings: Settings) -> Message:
    """Give up on a host that does not answer by the caller's `X-Request-Timeout-Ms`, which reaches it as it came.

    What is not a number is left to serving, which says so.
    """
    most = round(1000 * (settings.serving_timeout_seconds + ANSWER_SECONDS))
    given = f"int({_ASKED}) + {_ASIDE_MS}"
    least = f"({given} < {most} ? {given} : {most})"
    return put(_TIMEOUT, f"%CEL({_ASKED}.matches('^[0-9]{{1,9}}$') ? {least} : '')%")
