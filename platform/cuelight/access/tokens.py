"""Tokens: JSON Web Tokens (RFC 7519) signed by Ed25519 (RFC 8037), and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cuelight.access.permissions import Grant
from cuelight.kit.errors import Unauthenticated

ISSUER = AUDIENCE = "cuelight"
ALGORITHM = "EdDSA"
LEEWAY_SECONDS = 5  # by which machines' clocks may differ
LONGEST = 4096  # characters of a token
_HOW = "Send `Authorization: Bearer TOKEN`; `cuelight token create` makes one."


@dataclass(frozen=True)
class Token:
    """What a token says: whose it is, from when and until when (seconds since the epoch), and what it allows."""

    id: str
    subject: str
    issued: float
    expires: float
    grant: Grant


class _Claims(msgspec.Struct):
    jti: str
    sub: str
    iat: float
    exp: float
    scopes: frozenset[str]
    models: frozenset[str]


def sign(token: Token, private: Ed25519PrivateKey, key_id: str) -> str:
    """The token as it is sent."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "jti": token.id,
        "sub": token.subject,
        "iat": int(token.issued),
        "exp": int(token.expires),
        "scopes": sorted(token.grant.scopes),
        "models": sorted(token.grant.models),
    }
    return jwt.encode(claims, private, ALGORITHM, headers={"kid": key_id})


def verify(text: str, keys: Mapping[str, Ed25519PublicKey]) -> Token:
    """What a token says, if one of `keys` (by id) has signed it and it has not expired. Revocation is not looked at.

    Raises:
        Unauthenticated: it is none of ours, or its time is over.
    """
    if not text:
        raise Unauthenticated(f"This takes a token. {_HOW}")
    try:
        if len(text) > LONGEST:
            raise jwt.InvalidTokenError
        key = keys[str(jwt.get_unverified_header(text).get("kid"))]
        said = jwt.decode(
            text,
            key,
            [ALGORITHM],
            {"require": ["sub", "jti", "iat", "exp", "iss", "aud"]},
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
        )
        claims = msgspec.convert(said, _Claims)
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("This token has expired: ask for a new one.") from None
    except (jwt.InvalidTokenError, msgspec.ValidationError, KeyError):
        raise Unauthenticated(f"This token is not one that is valid here. {_HOW}") from None
    return Token(claims.jti, claims.sub, claims.iat, claims.exp, Grant(claims.scopes, claims.models))
