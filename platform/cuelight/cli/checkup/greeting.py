"""The first words with MLflow: its version, and what its clock says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import urllib3

from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
from cuelight.registry.login import login

_STALE = 2.0  # seconds that a `Date` header may be old


@dataclass(frozen=True)
class Greeting:
    """The answer to `GET /version`.

    Attributes:
        status: of HTTP.
        version: what it says that it is; empty if that was no version.
        ahead: seconds by which its clock (the `Date` header, RFC 9110) is ahead of ours; None: it does not say.
        doubt: so many seconds may be those of the exchange, and of a header that counts in whole ones.
    """

    status: int
    version: str
    ahead: float | None
    doubt: float


def greet(settings: Settings) -> Greeting:
    """Ask the registry of the settings.

    Raises:
        Unavailable: it does not answer.
    """
    url = f"{settings.tracking_uri.rstrip('/')}/version"
    limits = urllib3.Timeout(connect=settings.registry_connect_timeout, read=settings.registry_read_timeout)
    asked, began = time.time(), time.monotonic()
    try:
        answer = urllib3.request("GET", url, headers=login(settings).headers, timeout=limits, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"MLflow at {settings.tracking_uri} does not answer.") from error
    took = time.monotonic() - began
    text = answer.data[:50].decode(errors="replace").strip()
    version = text if answer.status == 200 and text[:1].isdigit() else ""
    return Greeting(
        answer.status, version, ahead(answer.headers.get("Date", ""), asked + took / 2), _STALE / 2 + took / 2
    )


def ahead(date: str, now: float) -> float | None:
    """By how many seconds a `Date` header is ahead of `now` (epoch s); None where it is none.

    It says whole seconds, and servers may write it once a second: it is up to two seconds old, one in the mean.
    """
    try:
        return parsedate_to_datetime(date).timestamp() + _STALE / 2 - now
    except ValueError:
        return None
