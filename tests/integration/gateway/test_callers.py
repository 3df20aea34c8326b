"""A token's way through Envoy to real workers: each checks it for itself, and the caller is known by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from cuelight.journal.record import Prediction
from cuelight.operations.replicas import first
from tests.support.gateway import POOL, Gateway, running
from tests.support.guarded import guarded
from tests.support.host import Host, eventually
from tests.support.journal import stored
from tests.support.models import ZEROS
from tests.support.tokens import Mint, bearer

BURST = 30


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One worker of it."""
    with guarded(tmp_path_factory.mktemp("callers"), serving_workers=1) as host:
        yield host


@pytest.fixture(scope="module")
def gateway(host: Host) -> Iterator[Gateway]:
    """Envoy before them; a caller may have thirty requests."""
    chosen = {"serving_port": host.settings.serving_port, "access_required": True}
    limits = {"gateway_caller_rate": 0.005, "gateway_caller_burst": BURST}
    with running(host.settings.home, [first(host.settings)], **chosen, **limits) as gateway:
        yield gateway


def _score(url: str, token: str, model: str = "wine") -> int:
    return POOL.request("POST", f"{url}/models/{model}/invocations", json=ZEROS, headers=bearer(token)).status


def _hears(status: int, url: str, token: str) -> bool:
    return _score(url, token) == status


def _cuelight(host: Host, *arguments: str) -> dict[str, str]:
    """What the command says, in a process of its own, as JSON."""
    command = [sys.executable, "-m", "cuelight.cli", "token", *arguments, "--json"]
    environment = {**os.environ, "CUELIGHT_HOME": str(host.settings.home)}
    said: dict[str, str] = json.loads(subprocess.check_output(command, env=environment, timeout=200))
    return said


def test_models_are_serving_s_to_allow(host: Host, gateway: Gateway) -> None:
    """A token for one model passes Envoy with another, and is refused behind it; the journal names who it was."""
    token = Mint(host.settings).token(models="wine", subject="till 7")
    assert _score(gateway.url, token) == 200
    assert _score(gateway.url, token, "churn") == 403
    records = [each for each in stored(host.settings.journal_folder) if isinstance(each, Prediction)]
    assert Counter((each.caller, each.status) for each in records if each.caller == "till 7") == {
        ("till 7", 200): 1,
        ("till 7", 403): 1,
    }


def test_a_revocation_counts_everywhere(host: Host, gateway: Gateway) -> None:
    """By the command, at Envoy and, behind its back, at the workers."""
    made = _cuelight(host, "create", "--subject", "gone", "--scope", "score", "--models", "*")
    for url in (gateway.url, host.url):
        assert _score(url, made["token"]) == 200
    _cuelight(host, "revoke", made["id"])
    for url in (gateway.url, host.url):
        eventually(partial(_hears, 401, url, made["token"]))


def test_a_new_key_signs_and_old_tokens_stay_valid(host: Host, gateway: Gateway) -> None:
    """By the command: a token of the new key is taken, and those of the old one are."""
    old = _cuelight(host, "create", "--subject", "old", "--scope", "score", "--models", "wine")
    _cuelight(host, "rotate")
    new = _cuelight(host, "create", "--subject", "new", "--scope", "score", "--models", "wine")
    assert old["key"] != new["key"]
    for url in (gateway.url, host.url):
        eventually(partial(_hears, 200, url, new["token"]))
        assert _score(url, old["token"]) == 200


def test_who_may_not_hears_so_in_the_one_shape(gateway: Gateway, host: Host) -> None:
    """401 and 403 beside limits, by Envoy and by serving behind it; who is not let in uses up nobody's requests."""
    mint = Mint(host.settings)
    labelling = mint.bearer("feedback")
    for headers, status, code in ((bearer("x.y.z"), 401, "UNAUTHENTICATED"), (labelling, 403, "PERMISSION_DENIED")):
        for _ in range(BURST + 1):
            answer = gateway.ask("POST", "/models/wine/invocations", **headers, **{"X-Request-Id": "mine"})
            assert (answer.status, answer.json()["error_code"]) == (status, code)
        assert answer.json().keys() == {"error_code", "message", "request_id"}
        assert (answer.json()["request_id"], answer.headers["X-Request-Id"]) == ("mine", "mine")
    other = bearer(mint.token(models="churn", subject="till 8"))
    behind = gateway.ask("POST", "/models/wine/invocations", **other)
    assert (behind.status, behind.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert _score(gateway.url, mint.token()) == 200


def test_limits_are_each_callers_own(host: Host, gateway: Gateway) -> None:
    """By subject, whatever the address, and however many tokens it has."""
    mint = Mint(host.settings)
    busy = [mint.token(subject="busy") for _ in range(2)]
    statuses = Counter(_score(gateway.url, busy[number % 2]) for number in range(BURST + 5))
    assert statuses == {200: BURST, 429: 5}
    assert _score(gateway.url, mint.token(subject="other")) == 200
    eventually(lambda: "busy" in {line["caller"] for line in gateway.access_log()})
