"""Errors as decisions: each class says who must act, never how HTTP spells it."""

from __future__ import annotations


class CuelightError(Exception):
    """Base of every error Cuelight raises on purpose; its text says what to do next."""

    code = "INTERNAL_ERROR"


class BadInput(CuelightError):
    """The caller sent something that can't be used; sending it again won't help."""

    code = "BAD_REQUEST"


class NotFound(CuelightError):
    """What was asked for is not here; the text names what is."""

    code = "RESOURCE_DOES_NOT_EXIST"


class Denied(CuelightError):
    """Who asks may not have this."""


class Unauthenticated(Denied):
    """Nobody knows who asks: there is no token, or none that is valid."""

    code = "UNAUTHENTICATED"


class Forbidden(Denied):
    """Who asks is known, and may not; the text says what is missing."""

    code = "PERMISSION_DENIED"


class TooLarge(BadInput):
    """The input is over a limit; the text names the limit and the setting."""

    code = "REQUEST_TOO_LARGE"


class WrongMediaType(BadInput):
    """The content type is not one that the protocol knows."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class Unavailable(CuelightError):
    """Not now: try again after `retry_after` seconds."""

    code = "TEMPORARILY_UNAVAILABLE"

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Another process is at this very work, or was until a moment ago: nothing has failed."""


class DeadlineExceeded(CuelightError):
    """The answer was not there by the request's deadline."""

    code = "DEADLINE_EXCEEDED"


class ModelFault(CuelightError):
    """The model itself failed: neither the caller nor the server can mend it."""

    code = "MODEL_FAULT"


class RegistryUnavailable(Unavailable):
    """The registry did not answer, or answered nonsense: keep what is served, try again."""

    code = "REGISTRY_UNAVAILABLE"


class Refused(CuelightError):
    """A version that must not be served; the text is the reason, in one sentence."""

    code = "REFUSED"


class Misconfigured(CuelightError):
    """A setting is wrong or something the machine needs is missing; the text says what to change."""

    code = "MISCONFIGURED"
