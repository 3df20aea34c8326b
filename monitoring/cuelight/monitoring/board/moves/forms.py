"""Forms that change something: each carries a seal that only the page which showed it could have had."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from cuelight.kit.errors import Forbidden

_VALID_SECONDS = 3600.0


class Forms:
    """Seals for forms, by a key that lives as long as this process.

    A page of another site can have a browser send a form, and can't read ours: so it has no seal. It is for one login
    (`who`) and one act (`what`), and for an hour.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def seal(self, who: str, what: str, now: float | None = None) -> str:
        """The value of the form's hidden field."""
        until = str(int((time.time() if now is None else now) + _VALID_SECONDS))
        return f"{until}.{self._mac(until, who, what)}"

    def check(self, seal: str, who: str, what: str, now: float | None = None) -> None:
        """Go on only with a seal of ours.

        Raises:
            Forbidden: it is another one's, for something else, or too old.
        """
        until, _, mac = seal.partition(".")
        known = hmac.compare_digest(mac.encode(), self._mac(until, who, what).encode())
        if not known or int(until) < (time.time() if now is None else now):
            raise Forbidden("This form is not one of ours, or older than an hour. Look at the page again, and confirm.")

    def _mac(self, until: str, who: str, what: str) -> str:
        text = "\n".join((until, hashlib.sha256(who.encode()).hexdigest(), what))
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
