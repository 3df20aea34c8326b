"""How much the gateway may take, as Envoy is told."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from cuelight.gateway.overload import check, overload
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


@pytest.mark.parametrize(
    "wrong",
    [{"gateway_memory_bytes": 1 << 20}, {"serving_max_body_bytes": 200 << 20}, {"gateway_connections": 0}],
)
def test_too_little_is_refused(wrong: dict[str, Any]) -> None:
    """With a message that names the setting: Envoy would start, and refuse everybody."""
    with pytest.raises(Misconfigured, match=r"gateway\.(memory_bytes|connections) must be"):
        check(Settings(**wrong))


def test_what_comes_along_is_enough() -> None:
    """The defaults pass."""
    check(Settings())


def test_connections_leave_files_for_the_rest() -> None:
    """More than the system lets a process open are not promised."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, monitor = overload(Settings(gateway_connections=1 << 30))["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] * 2 <= files
