"""Where tokens are issued and revoked: key, operations database and the files that verifiers follow, together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cuelight.access import keys, revocation
from cuelight.access.guard import LOOK_SECONDS
from cuelight.access.keys import Keys
from cuelight.access.permissions import Grant
from cuelight.access.tokens import LEEWAY_SECONDS, Token, sign
from cuelight.kit import files
from cuelight.kit.errors import BadInput, Misconfigured, NotFound
from cuelight.kit.identity import new_id, user
from cuelight.kit.settings import Settings
from cuelight.kit.signing import key_id
from cuelight.operations.database import Operations
from cuelight.operations.tokens import IssuedToken

_LONGEST_SUBJECT = 200  # characters; what is longer finds no room in headers and tables
_NOTICED_SECONDS = 5 * LOOK_SECONDS  # until every verifier knows of a new key


class Office:
    """One installation's; several processes may use it at once."""

    def __init__(self, settings: Settings, operations: Operations) -> None:
        self._folder = settings.tokens_folder
        self._keys = Keys(settings.keys_folder, self._folder)
        self._operations = operations
        self._lock = settings.keys_folder / "tokens.lock"

    def issue(self, subject: str, grant: Grant, seconds: float, now: float) -> tuple[str, IssuedToken]:
        """A new token, and what is written down of it.

        Raises:
            BadInput: the subject can't be carried by a header.
        """
        if not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isascii() and subject.isprintable()):
            raise BadInput(f"--subject takes 1 to {_LONGEST_SUBJECT} printable ASCII characters.")
        with files.alone(self._lock):
            self._keys.prepare()
            private, key = self._keys.signer()
            token = Token(new_id(), subject, now, now + seconds, grant)
            scopes, models = sorted(grant.scopes), sorted(grant.models)
            issued = IssuedToken(token.id, subject, scopes, models, now, token.expires, key, issued_by=user())
            self._operations.add_token(issued)
        return sign(token, private, key), issued

    def revoke(self, tokens: Sequence[str], subject: str | None, now: float) -> list[str]:
        """The ids of those that are revoked now, and were not before.

        Raises:
            NotFound: there is none of such an id or subject.
        """
        with files.alone(self._lock):
            known = self._operations.tokens()
            wanted = [*tokens, *(each.id for each in known if subject and each.subject == subject)]
            unknown = set(tokens) - {each.id for each in known}
            if unknown or not wanted:
                what = f"of id {min(unknown)}" if unknown else f"of {subject}"
                raise NotFound(f"There is no token {what}: `cuelight token list --all` shows all.")
            revoked = [each for each in wanted if self._operations.revoke_token(each, user(), now)]
            self._publish_revoked(now)
        return revoked

    def rotate(self, forget: bool, now: float) -> list[str]:
        """Make another key, and sign by it once every verifier knows it; the ids of the keys that count, it last."""
        with files.alone(self._lock):
            self._keys.prepare()
            new = Ed25519PrivateKey.generate()
            in_use = {each.key for each in self._operations.tokens() if each.is_valid(now)}
            count = keys.next_keys(self._keys.known(), new.public_key(), in_use)
            self._keys.publish(count)
            time.sleep(_NOTICED_SECONDS)
            self._keys.replace(new)
            if forget:
                count = {key_id(new.public_key()): new.public_key()}
                self._keys.publish(count)
        return list(count)

    def publish(self, now: float) -> Path:
        """Write what verifiers follow anew; the folder that it is in. Of a key set that can't be read nothing stays."""
        with files.alone(self._lock):
            try:
                self._keys.prepare()
            except Misconfigured:
                self._keys.prepare(anew=True)
            self._publish_revoked(now)
        return self._folder

    def _publish_revoked(self, now: float) -> None:
        """Under the lock: of two who write at once, the later knows of both."""
        known = self._operations.tokens()
        live = [each for each in known if each.revoked is not None and each.expires + LEEWAY_SECONDS > now]
        revocation.publish(self._folder, {each.id: each.expires for each in live})
