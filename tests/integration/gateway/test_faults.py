"""Hosts that fail: they get nothing, and callers don't notice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway, running
from tests.support.host import eventually
from tests.support.upstream import Upstream, upstreams

PATH = "/models/m/invocations"


Trio = tuple[Upstream, ...]
HEDGE = 1.5  # seconds; no stall of a busy machine is as long
WELL: dict[str, set[str]] = {"one": set(), "two": set(), "three": set()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Trio]]:
    """A gateway before three hosts, for tests after which nobody is left out."""
    with before_three(tmp_path_factory.mktemp("shared") / "home") as both:
        yield both


@pytest.fixture
def gateway(shared: tuple[Gateway, Trio]) -> Gateway:
    """That gateway."""
    return shared[0]


@pytest.fixture
def trio(shared: tuple[Gateway, Trio]) -> Iterator[Trio]:
    """Its hosts; well again after each test."""
    gateway, trio = shared
    yield trio
    for each in trio:
        each.recover()
    eventually(lambda: gateway.members() == WELL)


@contextmanager
def before_three(home: Path) -> Iterator[tuple[Gateway, Trio]]:
    """A gateway and three hosts."""
    trio = tuple(map(Upstream, WELL))
    members = [each.replica for each in trio]
    with upstreams(*trio), running(home, members, gateway_hedge_seconds=HEDGE) as gateway:
        yield gateway, trio


def test_who_is_not_ready_gets_nothing(gateway: Gateway, trio: Trio) -> None:
    """Two of three are unready: the third answers all, and nobody panics; then they are back."""
    _, two, three = trio
    two.ready = three.ready = False
    eventually(lambda: gateway.score(10) == {"one": 10})
    before = two.total, three.total
    assert gateway.score(40) == {"one": 40}
    assert (two.total, three.total) == before
    two.ready = three.ready = True
    eventually(lambda: gateway.score(30).keys() == {"one", "two", "three"})


def test_where_nobody_is_ready_callers_are_told_so(gateway: Gateway, trio: Trio) -> None:
    """503 in the one shape, with Retry-After; no host is asked all the same."""
    for each in trio:
        each.ready = False
    eventually(lambda: gateway.ask("POST", PATH).status == 503)
    before = [each.total for each in trio]
    answer = gateway.ask("POST", PATH)
    assert (answer.status, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1
    assert [each.total for each in trio] == before


def test_a_host_that_answers_probes_and_fails_its_callers_is_left_out(tmp_path: Path) -> None:
    """After twenty faults in a row it is asked no more, though its probes pass; where all fail, most stay."""
    with before_three(tmp_path / "home") as (gateway, trio):
        trio[1].status = 500
        assert 20 <= gateway.score(120)["500"] < 40  # a third of all, if it were asked on
        eventually(lambda: "failed_outlier_check" in gateway.members()["two"])
        eventually(lambda: gateway.score(30).keys() == {"one", "three"})
        for each in trio:
            each.status = 500
        assert gateway.score(90) == {"500": 90}
        assert sum("failed_outlier_check" in each for each in gateway.members().values()) <= 1


def test_busy_hosts_stay(gateway: Gateway, trio: Trio) -> None:
    """503 and 504 are answers: whoever is overloaded is not left out, which would overload the others."""
    for status in (503, 504):
        for each in trio:
            each.status = status
        assert gateway.score(90) == {str(status): 90}
    assert gateway.members() == WELL


def test_scoring_is_tried_once_more_elsewhere(gateway: Gateway, trio: Trio) -> None:
    """A host breaks off without an answer: another answers; the second attempt says that it is the second."""
    trio[0].breaks.add(PATH)
    answers = [gateway.ask("POST", PATH) for _ in range(15)]
    assert {each.status for each in answers} == {200}
    assert trio[0].total
    attempts = [each.json()["headers"]["x-envoy-attempt-count"] for each in answers]
    assert attempts.count("2") == trio[0].total
    ids = {each.json()["headers"]["x-cuelight-gateway-request"]: each.json()["who"] for each in answers}
    lines = eventually(lambda: logged(gateway, ids))
    assert {line["gateway_request"]: line["replica"] for line in lines} == ids
    assert sum(line["attempts"] == "2" for line in lines) == trio[0].total


def logged(gateway: Gateway, ids: Collection[str]) -> list[dict[str, Any]]:
    """The lines of these requests in the access log, once all are there."""
    lines = [line for line in gateway.access_log() if line["gateway_request"] in ids]
    return lines if len(lines) == len(ids) else []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/models/m/feedback"), ("GET", "/models"), ("POST", "/v2/repository/index")]
)
def test_nothing_else_is_tried_twice(gateway: Gateway, trio: Trio, method: str, path: str) -> None:
    """Where no answer came, the caller is told, and decides: each request reached one host, once."""
    for each in trio:
        each.breaks.add(path)
    statuses = [gateway.ask(method, path).status for _ in range(6)]
    assert statuses == [503] * 6
    assert sum(each.total for each in trio) == 6


def test_one_host_alone_is_asked_once_however_long_it_takes(tmp_path: Path) -> None:
    """A second time it would only have twice the work; once there is another host, that one is asked as well."""
    slow, other = Upstream("slow"), Upstream("other")
    slow.seconds = 2.0
    members = [slow.replica]
    with upstreams(slow, other), running(tmp_path / "home", members, gateway_hedge_seconds=0.3) as gateway:
        assert gateway.ask("POST", PATH).status == 200
        assert slow.total == 1
        gateway.publish([slow.replica, other.replica])
        eventually(lambda: gateway.members() == {"slow": set(), "other": set()})
        assert eventually(lambda: {each.json()["who"] for each in _both(gateway)} == {"other"})


def _both(gateway: Gateway) -> list[Any]:
    return [gateway.ask("POST", PATH) for _ in range(4)]


def test_who_is_long_about_an_answer_is_not_waited_for(gateway: Gateway, trio: Trio) -> None:
    """One host hangs: after a while another is asked as well, for scoring alone."""
    trio[0].seconds = 30.0
    answers = [gateway.ask("POST", PATH).json() for _ in range(6)]
    assert {each["who"] for each in answers} == {"two", "three"}
    assert {each["headers"]["x-envoy-attempt-count"] for each in answers} == {"1", "2"}
    assert trio[0].total
    for each in trio:
        each.seconds = 2 * HEDGE
    assert gateway.ask("POST", "/models/m/feedback").json()["headers"]["x-envoy-attempt-count"] == "1"
    assert sum(each.answered["/models/m/feedback"] for each in trio) == 1


def test_a_version_that_is_always_slow_is_answered_all_the_same(gateway: Gateway, trio: Trio) -> None:
    """It is asked twice, and the first of both answers counts."""
    for each in trio:
        each.seconds = 2 * HEDGE
    answer = gateway.ask("POST", PATH)
    assert (answer.status, answer.json()["headers"]["x-envoy-attempt-count"]) == (200, "1")
    assert sum(each.total for each in trio) == 2


def test_a_retry_is_the_last(gateway: Gateway, trio: Trio) -> None:
    """Where nobody answers, two were asked for each request, and no more."""
    for each in trio:
        each.breaks.add(PATH)
    assert gateway.score(5) == {"503": 5}
    assert sum(each.total for each in trio) == 10


def test_a_lone_host_is_never_left_out(tmp_path: Path) -> None:
    """Its faults are its callers' to see: without it there would be nothing."""
    with upstreams(Upstream("one")) as (one,), running(tmp_path / "home", [one.replica]) as gateway:
        one.status = 500
        assert gateway.score(60) == {"500": 60}
        one.status = 200
        assert gateway.score() == {"one": 1}
