"""Where a request carries its token."""

from __future__ import annotations

import re

COOKIE = "cuelight_token"  # of people, who use a browser
_COOKIE = re.compile(rf"(?:^|;\s*){COOKIE}=([^;\s]*)")


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token; none where that is empty."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def sent(authorization: str, cookie: str = "") -> str:
    """The token in a request's headers `Authorization` and `Cookie`; empty: there is none."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    found = _COOKIE.search(cookie)
    return found[1] if found else ""
