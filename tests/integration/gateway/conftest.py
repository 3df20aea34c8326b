"""A gateway in front of two hosts that say who they are, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, running
from tests.support.upstream import Upstream, upstreams

Pair = tuple[Upstream, ...]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two hosts."""
    with upstreams(Upstream("one"), Upstream("two")) as both:
        yield both


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Gateway]:
    """One gateway, by round robin."""
    with running(tmp_path_factory.mktemp("gateway") / "home", [each.replica for each in pair]) as gateway:
        yield gateway
