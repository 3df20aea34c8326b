"""How requests are shared, counted by who answered them: each algorithm by the real Envoy."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import structs

from cuelight.operations.replicas import Replica
from tests.support.gateway import Gateway, running
from tests.support.host import eventually
from tests.support.upstream import Upstream, upstreams

FEW = 3  # each of Envoy's threads takes turns by itself, from a place of its own


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Upstream, ...]]:
    """Four hosts; a test says of which zones and weights they are."""
    with upstreams(*(Upstream(name) for name in ("one", "two", "three", "four"))) as four:
        yield four


def at_once(gateway: Gateway, times: int) -> Counter[str]:
    """So many requests by eight callers at once: who answered them."""
    with ThreadPoolExecutor(8) as callers:
        return sum(callers.map(gateway.score, [1] * times), Counter[str]())


def close(found: Counter[str], few: float = FEW, **wanted: int) -> bool:
    """Whether the counts are these, but for a few."""
    return found.keys() == wanted.keys() and all(abs(found[name] - wanted[name]) <= few for name in wanted)


def settled(gateway: Gateway, *names: str) -> bool:
    """Whether each of Envoy's threads asks these, and nobody else."""
    return at_once(gateway, 40).keys() == {*names}


def weighted(hosts: tuple[Upstream, ...], *weights: int) -> list[Replica]:
    """The first hosts, of these weights."""
    return [structs.replace(host.replica, weight=weight) for host, weight in zip(hosts, weights, strict=False)]


def zoned(hosts: tuple[Upstream, ...], zones: str) -> list[Replica]:
    """The hosts, in these zones of one letter."""
    return [structs.replace(host.replica, zone=zone) for host, zone in zip(hosts, zones, strict=True)]


def test_round_robin_gives_each_the_same(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """Whatever their weights; also to several callers at once."""
    with running(tmp_path / "home", weighted(hosts, 1, 2, 3)) as gateway:
        for shares in (gateway.score(150), at_once(gateway, 150)):
            assert close(shares, one=50, two=50, three=50), shares


def test_weighted_goes_by_weights_and_follows_them(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """1 to 2 to 3; then, as the file of replicas says, 3 to 2 to 1."""
    with running(tmp_path / "home", weighted(hosts, 1, 2, 3), gateway_balance="weighted") as gateway:
        shares = gateway.score(180)
        assert close(shares, one=30, two=60, three=90), shares
        gateway.publish(weighted(hosts, 3, 2, 1))
        eventually(lambda: close(gateway.score(60), one=30, two=20, three=10))
        eventually(lambda: close(at_once(gateway, 180), one=90, two=60, three=30))


def test_without_weights_cores_are_what_counts(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """Each host says how many it has; one whose weight was given keeps to that."""
    hosts[0].cores, hosts[1].cores, hosts[2].cores = 1, 2, 16
    members = [hosts[0].replica, hosts[1].replica, structs.replace(hosts[2].replica, weight=3)]
    with running(tmp_path / "home", members, gateway_balance="weighted") as gateway:
        eventually(lambda: close(gateway.score(60), one=10, two=20, three=30))
        eventually(lambda: close(at_once(gateway, 180), one=30, two=60, three=90))


def test_least_request_spares_who_is_slow(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """One of three takes its time: it gets less than half of what the quicker ones get; round robin would not mind."""
    members = weighted(hosts, 1, 1, 1)
    with running(tmp_path / "home", members, gateway_balance="least-request", gateway_threads=1) as gateway:
        hosts[0].seconds = 0.4
        shares = at_once(gateway, 240)
        hosts[0].seconds = 0.0
        assert shares["one"] < min(shares["two"], shares["three"]) / 2, shares
        even = at_once(gateway, 240)
        assert min(even[name] for name in ("one", "two", "three")) > 40, even


def test_locality_stays_in_its_zone_while_that_can_bear_it(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """Half of the hosts are in the gateway's zone: all goes to them. One of three only: two thirds spill over.

    A zone's part of the hosts is held against its part of the gateways, one of two here.
    """
    home = tmp_path / "home"
    with running(home, zoned(hosts, "aabb"), gateway_balance="locality", gateway_zone="a") as gateway:
        shares = gateway.score(60)
        assert close(shares, one=30, two=30), shares
        hosts[1].ready = False
        eventually(lambda: settled(gateway, "one", "three", "four"))
        shares = at_once(gateway, 600)  # one of three for one of two gateways: two thirds stay
        assert close(shares, 60, one=400, three=100, four=100), shares
        hosts[0].ready = False
        eventually(lambda: settled(gateway, "three", "four"))
        hosts[0].ready = hosts[1].ready = True
        eventually(lambda: settled(gateway, "one", "two"))
        gateway.publish(zoned(hosts, "abbb"))
        eventually(lambda: settled(gateway, "one", "two", "three", "four"))
        shares = at_once(gateway, 600)  # one of four: half stay
        assert close(shares, 60, one=300, two=100, three=100, four=100), shares


def test_a_newcomer_gets_its_share_bit_by_bit(tmp_path: Path, hosts: tuple[Upstream, ...]) -> None:
    """Early in its slow start it gets less than half of what the others get, and later as much."""
    members = weighted(hosts, 1, 1, 1)
    window = 8.0
    with running(tmp_path / "home", members[:2], gateway_slow_start_seconds=window) as gateway:
        time.sleep(window)  # nobody is slower than others while all have just come
        gateway.publish(members)
        eventually(lambda: gateway.members().get("three") == set())
        shares = gateway.score(40)
        assert 1 <= shares["three"] < shares["one"] / 2, shares
        eventually(lambda: close(gateway.score(60), one=20, two=20, three=20))
