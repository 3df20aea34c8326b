"""Where one may listen without asking for tokens."""

from __future__ import annotations

import pytest

from cuelight.access.exposure import check, is_loopback
from cuelight.kit.errors import Misconfigured


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_this_machine_alone(host: str) -> None:
    """Nobody is asked there, unless the settings say so."""
    assert is_loopback(host)
    check(host, False, "serving.host")


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "[::]", "10.0.0.1", "192.168.1.7", "host.example", "localhost.example"]
)
def test_everywhere_else_it_takes_tokens(host: str) -> None:
    """The message says what to set."""
    with pytest.raises(Misconfigured, match="CUELIGHT_ACCESS_REQUIRED=true"):
        check(host, False, "serving.host")
    check(host, True, "serving.host")
