"""How much the gateway lets in: requests a second by caller and by model, bodies, headers; what callers wait for."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.kit.errors import BadInput, DeadlineExceeded, NotFound, TooLarge, Unavailable
from tests.integration.gateway.conftest import Pair
from tests.support.gateway import Gateway, running
from tests.support.host import eventually
from tests.support.sockets import answer, ask, head
from tests.support.upstream import Upstream, upstreams

BODY_BYTES = 10_000
SCORE, INFER = "/models/m/invocations", "/v2/models/m/infer"


@pytest.fixture(scope="module")
def slow() -> Iterator[Upstream]:
    """A host that a test may slow down."""
    with upstreams(Upstream("slow")) as (only,):
        yield only


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, slow: Upstream) -> Iterator[Gateway]:
    """A gateway that has little patience, and takes small bodies."""
    home = tmp_path_factory.mktemp("strict") / "home"
    limits = {"serving_max_body_bytes": BODY_BYTES, "gateway_header_seconds": 1.0, "gateway_body_seconds": 2.0}
    with running(home, [slow.replica], **limits) as gateway:
        yield gateway


@pytest.fixture
def counting(tmp_path: Path, pair: Pair) -> Iterator[Gateway]:
    """A gateway that lets a caller have five requests, and a model eight; the next ones come after minutes."""
    rates = {"gateway_caller_rate": 0.005, "gateway_caller_burst": 5}
    rates |= {"gateway_model_rate": 0.004, "gateway_model_burst": 8}
    with running(tmp_path / "home", [each.replica for each in pair], **rates) as gateway:
        yield gateway


def statuses(gateway: Gateway, times: int, path: str, client: str = "127.0.0.1") -> Counter[int]:
    """What so many requests from that address of loopback are answered."""
    return Counter(ask(gateway, head("POST", path, 2) + b"{}", client=client)[0] for _ in range(times))


def test_a_caller_and_a_model_have_limits_of_their_own(counting: Gateway) -> None:
    """Past the burst 429: for this caller on every path, for this model from every caller; and for nobody else."""
    assert statuses(counting, 7, "/models/a/invocations") == {200: 5, 429: 2}
    assert statuses(counting, 1, "/models/b/feedback") == {429: 1}
    # Five of the eight that `a` may have are gone, whatever way its name is written.
    assert statuses(counting, 4, "/v2/models/%61/infer", "127.0.0.2") == {200: 3, 429: 1}
    assert statuses(counting, 1, "/models/b/invocations", "127.0.0.2") == {200: 1}
    assert statuses(counting, 5, "/models/b/invocations", "127.0.0.3") == {200: 5}
    for _ in range(10):
        assert counting.ask("GET", "/readyz").status == 200


def test_who_is_over_the_limit_hears_when_to_come_again(counting: Gateway) -> None:
    """`Retry-After` says when there is a request again; the caller can't choose whom it counts for."""
    for number in range(5):
        forged = {"X-Cuelight-Caller": f"somebody-{number}", "X-Forwarded-For": f"192.0.2.{number}"}
        assert counting.ask("POST", SCORE, **forged).status == 200
    refused = counting.ask("POST", SCORE, **{"X-Request-Id": "mine"})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "250")
    assert refused.json() == {
        "error_code": "REQUEST_LIMIT_EXCEEDED",
        "message": refused.json()["message"],
        "request_id": "mine",
    }


def test_a_bucket_is_filled_again(tmp_path: Path, pair: Pair) -> None:
    """One request at once, and another after five seconds: after a refusal there is one again."""
    rates = {"gateway_caller_rate": 0.2, "gateway_caller_burst": 1}
    with running(tmp_path / "home", [each.replica for each in pair], **rates) as gateway:
        eventually(lambda: gateway.ask("POST", SCORE).status == 429)
        eventually(lambda: gateway.ask("POST", SCORE).status == 200)


def test_large_bodies_are_refused_before_they_come(strict: Gateway, slow: Upstream) -> None:
    """By their length on the head alone; where it is not given, as soon as they are too large. Nobody is asked."""
    before = slow.total
    for path in (SCORE, INFER, "/models/m/feedback"):
        status, headers, error = ask(strict, head("POST", path, BODY_BYTES + 1))
        assert (status, error["error_code"]) == (413, TooLarge.code)
        assert headers["x-request-id"] == error["request_id"] != ""
        assert ("error" in error) == path.startswith("/v2")
    chunk = b"%x\r\n%s\r\n" % (BODY_BYTES + 1, b" " * (BODY_BYTES + 1))
    assert ask(strict, head("POST", SCORE, None) + chunk)[0] == 413
    assert slow.total == before
    assert ask(strict, head("POST", SCORE, BODY_BYTES) + b" " * BODY_BYTES)[0] == 200


def test_headers_are_bounded(strict: Gateway) -> None:
    """431 where they are too large, or too many."""
    large = {"X-Large": "x" * 40_000}
    many = {f"X-{number}": "x" for number in range(120)}
    for headers in (large, many):
        status, _, error = ask(strict, head("POST", SCORE, 2, **headers) + b"{}")
        assert (status, error["error_code"], error["request_id"]) == (431, "REQUEST_HEADERS_TOO_LARGE", "")


NO_HOST, ENCODED_SLASH = b"GET /models HTTP/1.1\r\n\r\n", b"GET /models/%2f HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("sent", [b"NONSENSE\r\n\r\n", NO_HOST, ENCODED_SLASH])
def test_what_is_no_http_is_400(sent: bytes, strict: Gateway) -> None:
    """In the one error shape, without a request id where none could be read."""
    status, _, error = ask(strict, sent)
    assert (status, error["error_code"]) == (400, BadInput.code)
    assert isinstance(error["request_id"], str)


def test_what_nobody_serves_is_404(strict: Gateway) -> None:
    """In the one shape, with the caller's own request id however it is written."""
    status, headers, error = ask(strict, head("GET", "/elsewhere", 0, **{"X-Request-Id": 'my "own"'}))
    assert (status, error["error_code"], error["request_id"]) == (404, NotFound.code, 'my "own"')
    assert headers["content-type"] == "application/json"


def test_who_does_not_ask_in_time_is_408(strict: Gateway, slow: Upstream) -> None:
    """Headers that do not come to their end, and bodies that do not; nobody is asked."""
    before = slow.total
    for sent in (b"POST /models/m/invocations HTTP/1.1\r\nHost:", head("POST", SCORE, 10) + b"{"):
        status, _, error = ask(strict, sent)
        assert (status, error["error_code"]) == (408, "REQUEST_TIMEOUT")
    assert slow.total == before


def test_slow_callers_hold_up_nobody(strict: Gateway) -> None:
    """Forty who send their headers bit by bit, and forty who do so with their bodies, while others are answered."""
    begun = (b"POST /models/m/invocations HTTP/1.1\r\nHost: a\r\n", head("POST", SCORE, 1000) + b"{")
    callers = [socket.create_connection(("127.0.0.1", strict.settings.gateway_port), timeout=30) for _ in range(80)]
    try:
        for number, each in enumerate(callers):
            each.sendall(begun[number % 2])
        assert strict.score(20) == {"slow": 20}
        assert {answer(each)[0] for each in callers} == {408}
        assert strict.score() == {"slow": 1}
    finally:
        for each in callers:
            each.close()


def test_a_host_that_does_not_answer_by_the_deadline_is_504(strict: Gateway, slow: Upstream) -> None:
    """Where it should have said so itself; it was told the deadline as the caller gave it."""
    slow.seconds = 2.0
    try:
        late = strict.ask("POST", SCORE, **{"X-Request-Timeout-Ms": "100"})
        assert (late.status, late.json()["error_code"]) == (504, DeadlineExceeded.code)
        assert strict.ask("POST", SCORE, **{"X-Request-Timeout-Ms": "20000"}).status == 200
    finally:
        slow.seconds = 0.0


@pytest.mark.parametrize("given", ["1", "250", "99999999", "soon", "-1", "1e3"])
def test_a_deadline_reaches_the_host_as_it_was_given(given: str, strict: Gateway) -> None:
    """It is serving that says what is wrong with one; what Envoy makes of it stays inside."""
    headers = strict.ask("POST", SCORE, **{"X-Request-Timeout-Ms": given}).json()["headers"]
    assert headers["x-request-timeout-ms"] == given
    assert not [name for name in headers if name.startswith("x-envoy") and "timeout" in name]
    assert "x-cuelight-caller" not in headers


def test_nobody_there_is_503_with_a_time_to_come_again(tmp_path: Path) -> None:
    """A host that has gone: 503 in the one shape."""
    with upstreams(Upstream("gone")) as (gone,), running(tmp_path / "home", [gone.replica]) as gateway:
        gone.ready = False
        refused = eventually(lambda: (answer := gateway.ask("POST", SCORE)).status == 503 and answer)
        assert refused.json()["error_code"] == Unavailable.code
        assert int(refused.headers["Retry-After"]) >= 1
