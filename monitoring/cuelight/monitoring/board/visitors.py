"""Who looks at a page, by the token that the browser keeps, and what a request of theirs may do."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import request
from werkzeug.wrappers import Response as Answer

from cuelight.access.credentials import COOKIE, sent
from cuelight.access.guard import Guard
from cuelight.access.permissions import EVERYTHING, Grant, Scope
from cuelight.access.tokens import Token
from cuelight.kit.errors import Forbidden
from cuelight.monitoring.board.session import is_ours

FOREIGN = "This was sent from a page of another site."


@dataclass(frozen=True)
class Visitor:
    """Somebody at the board; `subject` is empty where nobody is asked for a token."""

    grant: Grant
    subject: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether they may change what is served, and see MLflow."""
        return Scope.ADMIN in self.grant.scopes


ANYBODY = Visitor(EVERYTHING)


def visitor(guard: Guard | None) -> Visitor:
    """Who has sent this request; anybody may do everything without a `guard`.

    Raises:
        Unauthenticated: nobody that we know.
    """
    if guard is None:
        return ANYBODY
    token = guard.identify(carried())
    return Visitor(token.grant, token.subject)


def carried() -> str:
    """The token that this request carries, by header or cookie; empty for none."""
    return sent(request.headers.get("Authorization", ""), request.headers.get("Cookie", ""))


def check_ours() -> None:
    """Go on only with what does not come from a page of another site.

    Raises:
        Forbidden: it does.
    """
    if not is_from_us():
        raise Forbidden(FOREIGN)


def is_from_us() -> bool:
    """Whether this request comes from a page of ours, or changes nothing."""
    sent_along = (request.headers.get(name, "") for name in ("Sec-Fetch-Site", "Origin", "Host"))
    return is_ours(request.method, *sent_along)


def keep(answer: Answer, text: str, token: Token) -> None:
    """Have the browser keep a token until it expires."""
    answer.set_cookie(
        COOKIE,
        text,
        max_age=max(0, int(token.expires - time.time())),
        secure=_is_encrypted(),
        httponly=True,
        samesite="Lax",  # Strict would ask for the token again behind every link in a mail or a chat
    )


def forget(answer: Answer) -> None:
    """Have the browser forget it."""
    answer.delete_cookie(COOKIE, secure=_is_encrypted(), httponly=True, samesite="Lax")


def _is_encrypted() -> bool:
    return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"  # the gateway says so, and nobody else
