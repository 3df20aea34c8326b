"""Who is let in: tokens checked against the public keys and the revocations, both followed as they change."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cuelight.access import keys, revocation
from cuelight.access.permissions import Scope
from cuelight.access.tokens import Token, verify
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import Unauthenticated

LOOK_SECONDS = 0.2  # how long a revocation, or a new key, may go unnoticed
_MOST = 4096  # tokens remembered


class Guard:
    """Checks tokens by the files in `folder`. A signature costs 0.2 ms, so what was verified is remembered."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._keys = keys.followed(folder)
        self._revoked = revocation.followed(folder)
        self._known: dict[bytes, Token] = {}
        self._look = 0.0

    def check(self, text: str, scope: Scope | None, model: str = "") -> Token:
        """What the token `text` says, if it is valid now and allows this (`Grant.check`).

        Raises:
            Unauthenticated: it is not valid.
            Forbidden: it does not allow it.
        """
        token = self.identify(text)
        token.grant.check(scope, model)
        return token

    def identify(self, text: str) -> Token:
        """What the token `text` says, if it is valid now.

        Raises:
            Unauthenticated: it is forged, expired or revoked, or there is none.
        """
        self._follow()
        digest = hashlib.sha256(text.encode()).digest()
        token = self._known.get(digest)
        if token is None or token.expires <= self._clock.now():
            self._known.pop(digest, None)
            token = verify(text, self._keys.value)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest] = token
        if token.id in self._revoked.value:
            raise Unauthenticated("This token was revoked: ask for a new one.")
        return token

    def _follow(self) -> None:
        now = self._clock.monotonic()
        if now < self._look:
            return
        self._look = now + LOOK_SECONDS
        self._revoked.refresh()
        if self._keys.refresh():
            self._known = {}
