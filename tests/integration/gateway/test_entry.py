"""The one entry: what is let in, what passes through, and what callers may not say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.gateway.places import Places
from tests.support.gateway import POOL, Gateway, running
from tests.support.host import eventually
from tests.support.upstream import Upstream

LET_IN = [
    ("POST", "/invocations"),
    ("POST", "/models/m/invocations"),
    ("POST", "/models/a%20b/invocations"),
    ("POST", "/models/m/stages/Staging/invocations"),
    ("POST", "/models/m/aliases/champion/invocations"),
    ("POST", "/models/m/versions/3/invocations"),
    ("POST", "/models/m/feedback"),
    ("POST", "/v2/models/m/infer"),
    ("POST", "/v2/models/m/versions/3/infer"),
    ("POST", "/v2/repository/index"),
    ("GET", "/models"),
    ("HEAD", "/models"),
    ("GET", "/models/m"),
    ("GET", "/models/m/openapi.json"),
    ("GET", "/openapi.json"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/m"),
    ("GET", "/v2/models/m/ready"),
    ("GET", "/v2/models/m/versions/3"),
    ("GET", "/v2/models/m/versions/3/ready"),
    *(("GET", path) for path in ("/ping", "/health", "/livez", "/version")),
]
KEPT_OUT = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/models/m/invocations"),
    ("PUT", "/models/m/invocations"),
    ("DELETE", "/models/m"),
    ("POST", "/models"),
    ("GET", "/models/m/feedback"),
    ("GET", "/models/m/openapi_json"),
    ("GET", "/openapi.json/m"),
    ("POST", "/models/m/invocations/"),
    ("POST", "//models/m/invocations"),
    ("POST", "/models//invocations"),
    ("POST", "/models/m/elsewhere/x/invocations"),
    ("POST", "/models/m/../../quitquitquit"),
    ("POST", "/quitquitquit"),
    ("GET", "/stats/prometheus"),
    ("GET", "/models/m/invocations?x=/ping"),
    ("OPTIONS", "/models"),
]


@pytest.mark.parametrize(("method", "path"), LET_IN)
def test_serving_paths_are_let_in(gateway: Gateway, method: str, path: str) -> None:
    """Each by its method, to a host."""
    answer = gateway.ask(method, path)
    assert answer.status == 200
    if method != "HEAD":
        assert answer.json()["path"] == path


@pytest.mark.parametrize(("method", "path"), KEPT_OUT)
def test_all_else_is_not_found(gateway: Gateway, method: str, path: str) -> None:
    """404 in the one shape of errors, with the caller's request id; no host hears of it."""
    answer = gateway.ask(method, path, **{"X-Request-Id": "mine"})
    assert answer.status == 404
    assert answer.headers["X-Request-Id"] == "mine"
    document = answer.json()
    assert (document["error_code"], document["request_id"]) == ("RESOURCE_DOES_NOT_EXIST", "mine")
    assert "GET /models" in document["message"]


def test_what_serving_needs_passes(gateway: Gateway) -> None:
    """The key of a canary, the trace and the request id come through as they were sent, and so does the query."""
    sent = {"x-cuelight-key": "k-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "x-request-id": "mine"}
    heard = gateway.ask("POST", "/models/m/invocations?verbose=1", **sent).json()
    assert heard["path"] == "/models/m/invocations?verbose=1"
    assert {name: heard["headers"][name] for name in sent} == sent


def test_a_request_without_an_id_gets_one(gateway: Gateway) -> None:
    """A new one each time."""
    ids = {gateway.ask("GET", "/models").json()["headers"]["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_forged_headers_are_replaced_or_stripped(gateway: Gateway) -> None:
    """The gateway's own id and attempt are its own, Envoy's orders are not taken, underscores don't smuggle."""
    forged = {
        "x-cuelight-gateway-request": "forged",
        "x-envoy-attempt-count": "7",
        "x-cuelight-client": "203.0.113.9",
        "x-envoy-external-address": "203.0.113.9",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-real-ip": "203.0.113.9",
        "x_cuelight_gateway_request": "forged",
    }
    heard = gateway.ask("POST", "/models/m/invocations", **forged).json()["headers"]
    assert heard["x-envoy-attempt-count"] == "1"
    assert heard["x-envoy-external-address"] == heard["x-cuelight-client"] == "127.0.0.1"
    assert len(heard["x-cuelight-gateway-request"]) == 36
    assert not heard.keys() & {"x-envoy-upstream-rq-timeout-ms", "x-envoy-retry-on", "x-real-ip"}
    assert "x_cuelight_gateway_request" not in heard


def test_nothing_of_envoy_shows(gateway: Gateway) -> None:
    """Neither its name nor its times are in answers."""
    answer = gateway.ask("POST", "/models/m/invocations")
    assert not [name for name in answer.headers if name.lower().startswith("x-envoy")]
    assert answer.headers.get("server") != "envoy"


def test_operators_have_pages_of_their_own(gateway: Gateway) -> None:
    """Metrics and members on another port; nothing there changes anything."""
    page = POOL.request("GET", f"{gateway.admin_url}/metrics").data.decode()
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="serving"}' in page
    eventually(lambda: gateway.members() == {"one": set(), "two": set()})
    assert POOL.request("GET", f"{gateway.admin_url}/ready").status == 200
    for method, path in (("POST", "/quitquitquit"), ("POST", "/metrics"), ("GET", "/config_dump")):
        assert POOL.request(method, f"{gateway.admin_url}{path}").status == 404
    assert gateway.score() in ({"one": 1}, {"two": 1})


def test_the_access_log_goes_on_in_a_new_file(tmp_path: Path, pair: tuple[Upstream, ...]) -> None:
    """It is moved aside when it has grown; Envoy runs on, and what comes then is in the new one."""
    with running(tmp_path / "home", [each.replica for each in pair]) as gateway:
        path = Places(gateway.settings.gateway_folder).access_log
        with path.open("a") as file:
            file.write(" " * (20 << 20) + "\n")
        eventually(lambda: path.with_name("access.log.1").exists())
        ids = set[str]()

        def ask() -> set[str]:
            ids.add(gateway.ask("POST", "/models/m/invocations").json()["headers"]["x-request-id"])
            return ids

        eventually(lambda: path.exists() and any(each in path.read_text() for each in ask()))
        ids.clear()
        for _ in range(5):
            ask()
        eventually(lambda: all(each in path.read_text() for each in ids))
