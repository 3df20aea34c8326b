"""Serving with `access.required`: it checks tokens itself, whoever stands in front of it; on the loop and in Flask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cuelight.access import revocation
from cuelight.access.keys import next_keys
from cuelight.journal.record import Prediction
from cuelight.kit.signing import key_id
from tests.support.guarded import guarded
from tests.support.host import POOL, Host, eventually
from tests.support.journal import stored
from tests.support.load import steady
from tests.support.models import ZEROS
from tests.support.tokens import Mint, bearer, forged


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Two workers of it."""
    with guarded(tmp_path_factory.mktemp("access")) as host:
        yield host


@pytest.fixture(scope="module")
def mint(host: Host) -> Mint:
    """Makes tokens that this host takes."""
    return Mint(host.settings)


def _ask(host: Host, method: str, path: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
    return POOL.request(method, host.url + path, headers=headers or {}, json=ZEROS if method == "POST" else None)


def _both(host: Host, headers: dict[str, str], model: str = "wine") -> list[urllib3.BaseHTTPResponse]:
    """What the loop answers, and what Flask answers; each may be of another worker."""
    path = f"{host.url}/models/{model}/invocations"
    loop = POOL.request("POST", path, json=ZEROS, headers=headers)
    flask = POOL.request("POST", path, body=iter([b'{"inputs": [[0, 0]]}']), headers=headers | _JSON, chunked=True)
    return [loop, flask]


def _score(host: Host, headers: dict[str, str], model: str = "wine") -> tuple[int, int]:
    """What the loop says, and what Flask says: the same, where all workers know the same."""
    loop, flask = _both(host, headers, model)
    for answer in (loop, flask):
        if answer.status >= 400:
            assert answer.json().keys() >= {"error_code", "message"}
    assert loop.headers.get("WWW-Authenticate") == flask.headers.get("WWW-Authenticate")
    assert (loop.status == 401) == ("WWW-Authenticate" in loop.headers)
    return loop.status, flask.status


_JSON = {"Content-Type": "application/json"}


def test_who_has_no_token_learns_nothing(host: Host) -> None:
    """401 for what is there and for what is not: not even a model's name gets out. Health is everybody's."""
    for method, path in (
        ("POST", "/models/wine/invocations"),
        ("POST", "/models/nothing/invocations"),
        ("POST", "/models/wine/versions/9/invocations"),
        ("POST", "/invocations"),
        ("POST", "/v2/models/wine/infer"),
        ("POST", "/models/wine/feedback"),
        ("POST", "/v2/repository/index"),
        ("GET", "/models"),
        ("GET", "/models/wine"),
        ("GET", "/models/nothing"),
        ("GET", "/v2/models/wine"),
        ("GET", "/v2/models/wine/ready"),
        ("GET", "/metrics"),
    ):
        answer = _ask(host, method, path)
        assert answer.status == 401, (method, path)
        assert "churn" not in answer.data.decode()
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for path in ("/ping", "/health", "/livez", "/readyz", "/version", "/v2", "/v2/health/live", "/v2/health/ready"):
        assert _ask(host, "GET", path).status == 200, path
    assert _ask(host, "GET", "/elsewhere").status == 404


def test_forged_tokens_are_refused(host: Host, mint: Mint) -> None:
    """`alg: none`, claims that were changed, another signature, another key: on the loop and in Flask."""
    good = mint.token(models="wine")
    assert _score(host, bearer(good)) == (200, 200)
    for name, text in forged(good).items():
        assert _score(host, bearer(text)) == (401, 401), name
    assert _score(host, mint.bearer(seconds=-60)) == (401, 401)


def test_a_token_allows_what_it_says(host: Host, mint: Mint) -> None:
    """By scope and by model; 403 tells what is missing, and nothing of what there is."""
    score, feedback = mint.bearer("score", "wine"), mint.bearer("feedback", "wine")
    assert _score(host, score) == (200, 200)
    assert _score(host, score, "churn") == (403, 403)
    assert _score(host, score, "nothing") == (403, 403)
    assert _score(host, feedback) == (403, 403)
    assert _score(host, mint.bearer("admin", "wine")) == (200, 200)
    prediction = _ask(host, "POST", "/models/wine/invocations", score).headers["X-Prediction-Id"]
    label = {"prediction_id": prediction, "label": 1.0}
    for headers, model, status in (
        (score, "wine", 403),
        (feedback, "wine", 202),
        (feedback, "churn", 403),
        (mint.bearer("feedback"), "churn", 202),
    ):
        answer = POOL.request("POST", f"{host.url}/models/{model}/feedback", json=label, headers=headers)
        assert answer.status == status
    refused = _ask(host, "POST", "/models/churn/invocations", score)
    assert refused.json()["error_code"] == "PERMISSION_DENIED"
    assert "churn" in refused.json()["message"]


def test_what_is_seen_is_what_the_token_is_for(host: Host, mint: Mint) -> None:
    """Lists of models, their pages, the metrics."""
    wine = mint.bearer("feedback", "wine")
    assert [each["name"] for each in _ask(host, "GET", "/models", wine).json()["models"]] == ["wine"]
    index = POOL.request("POST", f"{host.url}/v2/repository/index", headers=wine)
    assert {each["name"] for each in index.json()} == {"wine"}
    assert _ask(host, "GET", "/models/wine", wine).status == 200
    assert _ask(host, "GET", "/models/churn", wine).status == 403
    assert _ask(host, "GET", "/v2/models/churn", wine).status == 403
    assert _ask(host, "GET", "/metrics", wine).status == 403
    assert _ask(host, "GET", "/metrics", mint.bearer("metrics", "none")).status == 200


def test_the_default_model_is_checked_as_well(host: Host, mint: Mint) -> None:
    """Where there are two, and none is named, a caller is told to name one: as far as the token goes."""
    assert _ask(host, "POST", "/invocations", mint.bearer("feedback")).status == 403
    assert _ask(host, "POST", "/invocations", mint.bearer("score")).status == 404


def test_the_cookie_counts_as_the_header_does(host: Host, mint: Mint) -> None:
    """For people, whose browser has it from the login page."""
    cookie = {"Cookie": f"theme=dark; cuelight_token={mint.token('score', 'wine')}"}
    assert _score(host, cookie) == (200, 200)
    assert _ask(host, "GET", "/models/wine", cookie).status == 200
    assert _ask(host, "GET", "/models/churn", cookie).status == 403


def test_a_body_that_nobody_may_send_is_not_waited_for(host: Host) -> None:
    """The answer is there before the body; nothing of it is kept."""
    port = host.settings.serving_port
    with socket.create_connection(("127.0.0.1", port), 10.0) as caller:
        head = b"POST /models/wine/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n["
        caller.sendall(head)
        assert caller.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_the_journal_names_the_caller(host: Host, mint: Mint) -> None:
    """By the token's subject; of a refused caller it keeps that he came, and not what he sent."""
    answered = _ask(host, "POST", "/models/wine/invocations", bearer(mint.token(subject="till 7"))).headers
    refused = _ask(host, "POST", "/models/churn/invocations", mint.bearer(models="wine")).headers
    stranger = _ask(host, "POST", "/models/wine/invocations").headers
    records = stored(host.settings.journal_folder)
    kept = {each.prediction_id: each for each in records if isinstance(each, Prediction)}
    assert kept[answered["X-Prediction-Id"]].caller == "till 7"
    for headers, status, caller in ((refused, 403, "shop"), (stranger, 401, "")):
        record = kept[headers["X-Prediction-Id"]]
        assert (record.status, record.model, record.caller) == (status, "", caller)
        assert b"inputs" not in record.request
        assert b"data" not in record.request


def test_a_revocation_counts_in_every_worker(host: Host, mint: Mint) -> None:
    """Within a second: what is answered after it, is refused; others go on."""
    revoked, other = mint.bearer(name="to-go"), mint.bearer(name="to-stay")
    assert _score(host, revoked) == (200, 200)
    revocation.publish(host.settings.tokens_folder, {"to-go": time.time() + 600})
    time.sleep(1.0)  # however slow: a worker that has not looked for so long looks before it answers
    for _ in range(10):
        assert _score(host, revoked) == (401, 401)
        assert _score(host, other) == (200, 200)
    revocation.publish(host.settings.tokens_folder, {})


def test_keys_rotate_under_load(host: Host) -> None:
    """Callers with old and new tokens go on; no request fails; the forgotten key's are refused afterwards."""
    mint = Mint(host.settings)
    old = mint.bearer()
    with steady(host.url, "wine", ZEROS, connections=2, headers=old) as first:
        eventually(lambda: len(first.answers[0]) > 20)
        fresh = Ed25519PrivateKey.generate()
        mint.keys.publish(next_keys(mint.keys.known(), fresh.public_key(), ()))
        time.sleep(1.0)  # however slow: a worker that has not looked for so long looks before it answers
        mint.keys.replace(fresh)
        with steady(host.url, "wine", ZEROS, connections=2, headers=mint.bearer()) as second:
            eventually(lambda: len(second.answers[0]) > 100)
    for load in (first, second):
        assert {each.status for answers in load.answers for each in answers} == {200}
    mint.keys.publish({key_id(fresh.public_key()): fresh.public_key()})
    eventually(lambda: [each.status for each in _both(host, old)] == [401, 401])  # one worker may know before another
    assert _score(host, mint.bearer()) == (200, 200)
    host.headers = mint.bearer("admin")


def test_nobody_listens_elsewhere_without_tokens(tmp_path: Path) -> None:
    """The server does not start, and says what to do."""
    environment = {"CUELIGHT_HOME": str(tmp_path), "CUELIGHT_SERVING_HOST": "0.0.0.0"}
    command = [sys.executable, "-m", "cuelight.cli", "serve"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("cuelight: serving.host is 0.0.0.0")
    assert "CUELIGHT_ACCESS_REQUIRED=true" in done.stderr


def test_mlflows_client_sends_the_token_of_its_environment(
    host: Host, mint: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It scores and lists what the token is for; without one it is told so as MLflow tells it."""
    from mlflow.deployments import get_deploy_client
    from mlflow.exceptions import MlflowException

    target = host.url.replace("http:", "cuelight:")
    monkeypatch.setenv("CUELIGHT_ACCESS_TOKEN", mint.token("score", "wine"))
    client = get_deploy_client(target)
    assert client.predict(endpoint="wine", inputs=[[0.0, 0.0]])["predictions"] == [1.0]
    assert [each["name"] for each in client.list_endpoints()] == ["wine"]
    with pytest.raises(MlflowException, match="churn") as refused:
        client.predict(endpoint="churn", inputs=[[0.0, 0.0]])
    monkeypatch.delenv("CUELIGHT_ACCESS_TOKEN")
    with pytest.raises(MlflowException, match="token") as unknown:
        get_deploy_client(target).predict(endpoint="wine", inputs=[[0.0, 0.0]])
    assert (refused.value.error_code, unknown.value.error_code) == ("PERMISSION_DENIED", "UNAUTHENTICATED")


def test_who_asks_is_described_what_the_token_is_for(host: Host, mint: Mint) -> None:
    """The OpenAPI document holds its models alone, and says that a token is asked for."""
    document = _ask(host, "GET", "/openapi.json", mint.bearer("score", "wine")).json()
    assert set(document["paths"]) == {"/models/wine/invocations", "/models/wine/feedback"}
    assert document["security"] == [{"token": []}]
    for path, headers in (("/models/churn/openapi.json", mint.bearer("score", "wine")), ("/openapi.json", {})):
        assert _ask(host, "GET", path, headers).status == (403 if headers else 401)
