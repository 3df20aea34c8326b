"""Which tokens count: those that one of the known keys has signed by Ed25519, whole, in time, for us."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from cuelight.access.credentials import sent
from cuelight.access.permissions import Grant
from cuelight.access.tokens import LONGEST, Token, sign, verify
from cuelight.kit.errors import Unauthenticated

PRIVATE = Ed25519PrivateKey.generate()
KEYS = {"one": PRIVATE.public_key(), "two": Ed25519PrivateKey.generate().public_key()}
NOW = time.time()
LASTS = 86_400  # longer than any run of the tests, whose first act is to read this file
TOKEN = Token(
    "id-1", "shop", float(int(NOW)), float(int(NOW) + LASTS), Grant(frozenset(["score"]), frozenset(["wine"]))
)
TEXT = sign(TOKEN, PRIVATE, "one")
CLAIMS = {
    "iss": "cuelight",
    "aud": "cuelight",
    "sub": "shop",
    "jti": "id-1",
    "iat": int(NOW),
    "exp": int(NOW) + LASTS,
    "scopes": ["score"],
    "models": ["wine"],
}


def _signed(claims: dict[str, Any], key: Any = PRIVATE, algorithm: str = "EdDSA", kid: str = "one") -> str:
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def _part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_what_was_signed_is_read_back() -> None:
    """All of it; the key's id says which key, whatever else is known."""
    assert verify(TEXT, KEYS) == TOKEN
    assert verify(_signed(CLAIMS), KEYS) == TOKEN


@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_changed_character_passes(place: int, character: str) -> None:
    """Wherever it is: head, claims or signature; but for bits of base64 that mean nothing."""
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    if changed == TEXT:
        return
    try:
        assert verify(changed, KEYS) == TOKEN
        assert place in (TEXT.rindex(".") - 1, len(TEXT) - 1, TEXT.index(".") - 1)
    except Unauthenticated:
        pass


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text: str) -> None:
    """Never by another error."""
    with pytest.raises(Unauthenticated):
        verify(text, KEYS)


def _wrong() -> dict[str, str]:
    public = KEYS["one"].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = KEYS["one"].public_bytes(Encoding.Raw, PublicFormat.Raw)
    body = TEXT.split(".")[1]
    return {
        "no signature": f"{_part({'alg': 'none', 'kid': 'one'})}.{body}.",
        "none, signed": f"{_part({'alg': 'none', 'kid': 'one'})}.{body}.{TEXT.split('.')[2]}",
        "public key as secret": _hmac({"alg": "HS256", "kid": "one"}, body, public),
        "raw public key as secret": _hmac({"alg": "HS256", "kid": "one"}, body, raw),
        "another algorithm": _signed(CLAIMS, generate_private_key(65537, 2048), "RS256"),
        "another key": _signed(CLAIMS, Ed25519PrivateKey.generate()),
        "a known key's name": _signed(CLAIMS, PRIVATE, kid="two"),
        "an unknown key": _signed(CLAIMS, kid="three"),
        "no key": jwt.encode(CLAIMS, PRIVATE, "EdDSA"),
        "expired": _signed(CLAIMS | {"exp": int(NOW) - 60}),
        "not yet": _signed(CLAIMS | {"nbf": int(NOW) + LASTS}),
        "issued later": _signed(CLAIMS | {"iat": int(NOW) + LASTS}),
        "another issuer": _signed(CLAIMS | {"iss": "other"}),
        "another audience": _signed(CLAIMS | {"aud": "other"}),
        "scopes as text": _signed(CLAIMS | {"scopes": "score"}),
        "models as numbers": _signed(CLAIMS | {"models": [1]}),
        "too long": _signed(CLAIMS | {"more": "x" * LONGEST}),
        **{f"without {name}": _signed({k: v for k, v in CLAIMS.items() if k != name}) for name in CLAIMS},
    }


def _hmac(head: dict[str, str], body: str, secret: bytes) -> str:
    import hashlib
    import hmac

    signed = f"{_part(head)}.{body}"
    tag = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"


@pytest.mark.parametrize(("name", "text"), _wrong().items(), ids=_wrong())
def test_wrong_tokens_are_refused(name: str, text: str) -> None:
    """Whatever is wrong with them; what is said never has the token in it."""
    with pytest.raises(Unauthenticated) as refused:
        verify(text, KEYS)
    assert text not in str(refused.value)
    assert ("expired" in str(refused.value)) == (name == "expired")


@pytest.mark.parametrize(
    ("authorization", "cookie", "found"),
    [
        ("Bearer a.b.c", "", "a.b.c"),
        ("bearer  a.b.c ", "cuelight_token=other", "a.b.c"),
        ("", "theme=dark; cuelight_token=a.b.c; x=y", "a.b.c"),
        ("Basic dXNlcg==", "cuelight_token=a.b.c", "a.b.c"),
        ("", "not_cuelight_token=a.b.c", ""),
        ("Basic dXNlcg==", "", ""),
        ("", "", ""),
    ],
)
def test_where_a_request_carries_its_token(authorization: str, cookie: str, found: str) -> None:
    """The header first; else the cookie of the login page."""
    assert sent(authorization, cookie) == found
