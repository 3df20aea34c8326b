"""Where one may listen without asking callers for tokens: on this machine alone."""

from __future__ import annotations

import ipaddress

from cuelight.kit.errors import Misconfigured


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address; an empty one is every address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check(host: str, required: bool, setting: str) -> None:
    """Go on only where callers are asked for tokens, or are on this machine; `setting` names the address.

    Raises:
        Misconfigured: anybody who can connect could do anything.
    """
    if not required and not is_loopback(host):
        raise Misconfigured(
            f"{setting} is {host or 'every address'}, where other machines can connect, and nobody is asked for a "
            "token. Set access.required (CUELIGHT_ACCESS_REQUIRED=true) and give callers tokens by `cuelight token "
            f"create`, or set {setting} to 127.0.0.1."
        )
