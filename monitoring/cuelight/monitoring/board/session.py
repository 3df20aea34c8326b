"""How people stay logged in: a cookie with their token, and what keeps other sites from using it. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

HOME = "/"
# Browsers read `//` and `/\` as the beginning of another site's address, and pass over blanks.
_OURS = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")
_SAFE = ("GET", "HEAD", "OPTIONS")


def destination(wanted: str) -> str:
    """Where to go after the login: `wanted` if it is a path of ours, else the board. Never another site."""
    return wanted if _OURS.fullmatch(wanted) else HOME


def is_ours(method: str, site: str, origin: str, host: str) -> bool:
    """Whether a request that may change something comes from a page of ours, by what browsers say and pages can't.

    Args:
        method: a request that only reads may come from anywhere.
        site: its header `Sec-Fetch-Site`, which decides where the browser sends it.
        origin, host: its headers of these names, compared otherwise. What sends neither is no page in a browser.
    """
    if method in _SAFE:
        return True
    if site:
        return site in ("same-origin", "none")
    return not origin or urlsplit(origin).netloc == host


def is_loopback(host: str) -> bool:
    """Whether a request's header `Host` names this machine itself.

    Where nobody logs in, another site's name may be made to lead to this machine (DNS rebinding): its pages are of one
    origin with ours then.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
