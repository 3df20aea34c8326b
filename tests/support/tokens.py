"""Tokens for tests: good ones, and what somebody without the key would make of them."""

from __future__ import annotations

import base64
import json
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cuelight.access.keys import Keys
from cuelight.access.permissions import Grant
from cuelight.access.tokens import Token, sign
from cuelight.kit.identity import new_id
from cuelight.kit.settings import Settings
from cuelight.kit.signing import key_id


class Mint:
    """Makes tokens that `settings`' installation takes."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys(settings.keys_folder, settings.tokens_folder)
        self.keys.prepare()

    def token(
        self, scope: str = "score", models: str = "*", seconds: float = 600.0, name: str = "", subject: str = "shop"
    ) -> str:
        """A token with an id of its own, or `name`."""
        now = time.time()
        grant = Grant(frozenset(scope.split(",")), frozenset(models.split(",")))
        return sign(Token(name or new_id(), subject, now, now + seconds, grant), *self.keys.signer())

    def early(self, private: Ed25519PrivateKey) -> dict[str, str]:
        """The header that carries one by a key that does not sign yet."""
        now = time.time()
        grant = Grant(frozenset({"score"}), frozenset("*"))
        return bearer(sign(Token(new_id(), "shop", now, now + 600.0, grant), private, key_id(private.public_key())))

    def bearer(self, scope: str = "score", models: str = "*", seconds: float = 600.0, name: str = "") -> dict[str, str]:
        """The header that carries one."""
        return bearer(self.token(scope, models, seconds, name))


def bearer(text: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {text}"}


def forged(text: str) -> dict[str, str]:
    """By name, what can be made of a valid token without the key: none may be taken for one."""
    head, claims, signature = text.split(".")
    more = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"scopes": ["admin"], "models": ["*"]}
    key = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    unsigned = part({"alg": "none", "typ": "JWT", "kid": key})
    return {
        "more allowed": f"{head}.{part(more)}.{signature}",
        "alg none": f"{unsigned}.{claims}.",
        "alg none, signed": f"{unsigned}.{claims}.{signature}",
        "no signature": f"{head}.{claims}.",
        "another signature": f"{head}.{claims}.{base64.urlsafe_b64encode(bytes(64)).rstrip(b'=').decode()}",
        "no token": "let-me-in",
        "empty": "",
    }


def part(document: dict[str, object]) -> str:
    """A token's head or claims."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
