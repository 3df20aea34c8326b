"""Tokens at the real Envoy: who is let in, by route; revocations and keys that change while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cuelight.access import revocation
from cuelight.access.keys import next_keys
from cuelight.kit.signing import key_id
from tests.integration.gateway.conftest import Pair
from tests.support.gateway import Gateway, running
from tests.support.host import eventually
from tests.support.load import steady
from tests.support.tokens import Mint, bearer, forged

SCORE, FEEDBACK = "/models/m/invocations", "/models/m/feedback"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Gateway]:
    """A gateway that asks for tokens, in front of hosts that don't."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    gateway = Gateway(home, access_required=True)
    Mint(gateway.settings)
    with running(home, [each.replica for each in pair], **_ports(gateway), access_required=True) as gateway:
        yield gateway


def _ports(gateway: Gateway) -> dict[str, int]:
    return {
        "gateway_port": gateway.settings.gateway_port,
        "gateway_admin_port": gateway.settings.gateway_admin_port,
    }


@pytest.fixture(scope="module")
def mint(guarded: Gateway) -> Mint:
    """Makes tokens that the gateway takes."""
    return Mint(guarded.settings)


def _refused(answer: urllib3.BaseHTTPResponse, status: int, code: str) -> bool:
    """Whether it is that refusal, in the one error shape."""
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
    return (answer.status, answer.json()["error_code"]) == (status, code)


def test_only_valid_tokens_are_let_in(guarded: Gateway, mint: Mint, pair: Pair) -> None:
    """Forged, expired, none at all: 401, and no host hears of it."""
    good = mint.token()
    assert guarded.ask("POST", SCORE, **bearer(good)).status == 200
    assert guarded.ask("POST", SCORE, Cookie=f"theme=dark; cuelight_token={good}").status == 200
    before = sum(each.total for each in pair)
    wrong = {**forged(good), "expired": mint.token(seconds=-60)}
    for name, text in wrong.items():
        assert _refused(guarded.ask("POST", SCORE, **bearer(text)), 401, "UNAUTHENTICATED"), name
        assert guarded.ask("POST", SCORE, Cookie=f"cuelight_token={text}").status == 401, name
    for method, path in (("POST", SCORE), ("POST", FEEDBACK), ("GET", "/models"), ("GET", "/v2/models/m")):
        assert _refused(guarded.ask(method, path), 401, "UNAUTHENTICATED")
    assert sum(each.total for each in pair) == before
    for path in ("/ping", "/livez", "/readyz", "/version", "/v2", "/v2/health/live"):
        assert guarded.ask("GET", path).status == 200, path
    assert guarded.ask("GET", "/elsewhere").status == 404


def test_scopes_are_asked_by_route(guarded: Gateway, mint: Mint) -> None:
    """What a token lacks is 403; what serving knows of models is serving's to ask."""
    for scope, score, feedback in (
        ("score", 200, 403),
        ("feedback", 403, 200),
        ("admin", 200, 200),
        ("metrics", 403, 403),
    ):
        headers = mint.bearer(scope)
        for path, status in ((SCORE, score), ("/v2/models/m/infer", score), (FEEDBACK, feedback)):
            answer = guarded.ask("POST", path, **headers)
            assert answer.status == status, (scope, path)
            if status == 403:
                assert _refused(answer, 403, "PERMISSION_DENIED")
        assert guarded.ask("GET", "/models", **headers).status == 200


def test_of_two_tokens_the_header_s_counts_and_both_must_be_valid(guarded: Gateway, mint: Mint) -> None:
    """As in serving: a cookie beside a header gives nothing, and a bad one of either is refused."""
    scoring, labelling = mint.token("score"), mint.token("feedback")

    def both(header: str, cookie: str, path: str) -> int:
        return guarded.ask("POST", path, **bearer(header), Cookie=f"cuelight_token={cookie}").status

    assert (both(scoring, labelling, SCORE), both(scoring, labelling, FEEDBACK)) == (200, 403)
    assert (both(labelling, scoring, SCORE), both(labelling, scoring, FEEDBACK)) == (403, 200)
    expired = mint.token(seconds=-60)
    assert (both(scoring, expired, SCORE), both(expired, scoring, SCORE)) == (401, 401)
    revoked = mint.token(name="was-revoked")
    revocation.publish(guarded.settings.tokens_folder, {"was-revoked": time.time() + 600})
    eventually(lambda: both(revoked, scoring, SCORE) == 401)


def test_the_token_reaches_serving_and_forged_names_do_not(guarded: Gateway, mint: Mint) -> None:
    """Serving checks the token again; who asks is nobody's to say by other headers."""
    token = mint.bearer()
    heard = guarded.ask("POST", SCORE, **token, **{"X-Cuelight-Caller": "boss", "X-Cuelight-User": "admin"}).json()
    assert heard["headers"]["authorization"] == token["Authorization"]
    assert not [name for name, value in heard["headers"].items() if value in ("boss", "admin")]


def test_a_revocation_counts_without_a_restart(guarded: Gateway, mint: Mint) -> None:
    """On connections that are open, and on new ones; others go on."""
    revoked, other = mint.bearer(name="to-go"), mint.bearer(name="to-stay")
    with steady(guarded.url, "m", {}, connections=2, headers=other) as load:
        assert guarded.ask("POST", SCORE, **revoked).status == 200
        revocation.publish(guarded.settings.tokens_folder, {"to-go": time.time() + 600})
        eventually(lambda: guarded.ask("POST", SCORE, **revoked).status == 401)
        eventually(lambda: guarded.says(401, SCORE, **revoked))
        refused = guarded.ask("POST", SCORE, **revoked)
        assert _refused(refused, 401, "UNAUTHENTICATED")
        assert "revoked" in refused.json()["message"]
    assert load.all
    assert not load.failed


def test_keys_rotate_under_load(guarded: Gateway) -> None:
    """Tokens of the old and of the new key are taken, and no request fails; a forgotten key's are refused."""
    mint = Mint(guarded.settings)
    old = mint.bearer()
    with steady(guarded.url, "m", {}, connections=2, headers=old) as first:
        eventually(lambda: len(first.answers[0]) > 20)
        fresh = Ed25519PrivateKey.generate()
        mint.keys.publish(next_keys(mint.keys.known(), fresh.public_key(), ()))
        eventually(lambda: guarded.says(200, SCORE, **mint.early(fresh)))
        mint.keys.replace(fresh)
        new = mint.bearer()
        with steady(guarded.url, "m", {}, connections=2, headers=new) as second:
            eventually(lambda: len(second.answers[0]) > 100)
    assert first.all
    assert not first.failed
    assert not second.failed
    mint.keys.publish({key_id(fresh.public_key()): fresh.public_key()})
    eventually(lambda: guarded.says(401, SCORE, **old))
    assert guarded.says(200, SCORE, **new)
    public = guarded.settings.tokens_folder / "jwks.json"
    kept = public.read_bytes()
    public.write_text("{")
    time.sleep(0.5)  # a wrong change would come by then
    assert guarded.says(200, SCORE, **new)  # what can't be read changes nothing
    public.write_bytes(kept)
