from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.monitoring.alerts import webhook
from cuelight.monitoring.alerts.webhook import Webhook, generic, slack
from cuelight.operations.alerts import Alert, Severity
from tests.support import fault_server as faults
from tests.support.receivers import Hook
from tests.support.receivers import hook as hooked

ALERT = Alert(
    id="1f" * 16,
    topic="rolled-back:churn:3",
    at=1_700_000_000.5,
    severity=Severity.CRITICAL,
    title="churn version 3 is rolled back",
    text="It fails 20 % of requests.",
    model="churn",
    version=3,
    link="http://mlflow/#/models/churn/versions/3",
)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver that is up."""
    with hooked() as made:
        yield made


def test_an_alert_is_posted(hook: Hook) -> None:
    """As one JSON object with an id, to the URL as it stands, with the credentials that stand in it."""
    answer = Webhook(hook.url.replace("://", "://me:pass%20word@") + "?a=b", "generic").send(ALERT)
    assert (answer.delivered, answer.text) == (True, "200: ok")
    assert hook.paths == ["/services/s3cret?a=b"]
    assert hook.bodies == [
        {
            "id": "1f" * 16,
            "topic": "rolled-back:churn:3",
            "at": "2023-11-14T22:13:20.500+00:00",
            "severity": "critical",
            "title": "churn version 3 is rolled back",
            "text": "It fails 20 % of requests.",
            "model": "churn",
            "version": 3,
            "link": "http://mlflow/#/models/churn/versions/3",
            "recovered": False,
        }
    ]
    headers = {name.lower(): value for name, value in hook.headers[0].items()}
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "1f" * 16
    assert headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"


def test_slack_is_told_in_its_own_form(hook: Hook) -> None:
    """A text and blocks with the three escapes, and nothing that Slack does not know."""
    alert = replace(
        ALERT, title="a<b> version 3 & more", text="<!channel> & *b*", recovered=True, severity=Severity.INFO
    )
    Webhook(hook.url, "slack").send(alert)
    (body,) = hook.bodies
    assert set(body) == {"text", "blocks"}
    assert body["text"] == "a&lt;b&gt; version 3 &amp; more. &lt;!channel&gt; &amp; *b*"
    section, context = body["blocks"]
    assert section["block_id"] == "1f" * 16
    assert section["text"]["text"].splitlines() == [
        ":white_check_mark: *a&lt;b&gt; version 3 &amp; more*",
        "&lt;!channel&gt; &amp; *b*",
    ]
    assert context["elements"][0]["text"] == (
        "info, 2023-11-14 22:13:20 UTC, <http://mlflow/#/models/churn/versions/3|MLflow>"
    )
    assert {section["type"], context["type"], section["text"]["type"]} == {"section", "context", "mrkdwn"}


def test_what_slack_would_not_take_is_cut() -> None:
    """A block holds 3,000 characters; escapes make them more, and none is cut in half."""
    blocks = slack(replace(ALERT, title="&" * 900, text="<" * 1_000))["blocks"]
    text = blocks[0]["text"]["text"]
    assert 2_500 < len(text) <= 3_000
    title, rest = text.splitlines()
    assert title.replace("&amp;", "") == ":red_circle: **"
    assert rest.replace("&lt;", "") == ""
    assert len(blocks[1]["elements"][0]["text"]) < 3_000
    whole = slack(ALERT)["blocks"][0]["text"]["text"]
    assert ALERT.text in whole


@pytest.mark.parametrize(
    ("status", "text", "hopeless"),
    [
        (500, "500: not now", False),
        (429, "429: not now", False),
        (404, "404: not now", False),
        (403, "403: not now", False),
        (302, "302: a redirect, which is not followed", False),
        (400, "400: not now", True),
        (422, "422: not now", True),
    ],
)
def test_an_answer_that_is_no_success_is_told(hook: Hook, status: int, text: str, hopeless: bool) -> None:
    """With its words; only what is wrong with the message is hopeless, and a redirect leads nowhere."""
    hook.answer = (status, {"Location": f"http://127.0.0.1:{hook.port}/else", "Retry-After": "7"}, b"not\nnow")
    answer = Webhook(hook.url, "generic").send(ALERT)
    assert (answer.delivered, answer.text, answer.hopeless) == (False, text, hopeless)
    assert answer.retry_after == 7.0
    assert hook.paths == ["/services/s3cret"]


def test_the_url_is_never_shown(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    """Not where a receiver repeats it, not where nobody listens, not in a log of the library's."""
    channel = Webhook(hook.url, "generic")
    hook.answer = (500, {}, f"no route to {hook.url}".encode())
    with caplog.at_level("DEBUG", logger="cuelight"):
        said = [channel.send(ALERT).text]
        hook.down()
        said.append(channel.send(ALERT).text)
    assert said == ["500: no route to …", "nobody listens there"]
    assert channel.target == "localhost"
    assert "s3cret" not in caplog.text
    for url in ("hooks.example/s3cret", "ftp://hooks.example/s3cret", "http://[s3cret", "http:///s3cret"):
        with pytest.raises(Misconfigured) as caught:
            Webhook(url, "generic")
        assert "s3cret" not in str(caught.value)


def test_a_receiver_must_prove_who_it_is(
    certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose certificate is not trusted is told nothing."""
    context, public = certificate
    with hooked(context) as receiver:
        answer = Webhook(receiver.url, "generic").send(ALERT)
        assert not answer.delivered
        assert "certificate verify failed" in answer.text
        assert receiver.bodies == []
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert Webhook(receiver.url, "generic").send(ALERT).delivered
    assert Webhook("http://nobody.invalid/", "generic").send(ALERT).text == "nobody is known by that name"


@pytest.mark.parametrize(
    "fault",
    [faults.hang, faults.drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), faults.drip(b"", b"H")],
    ids=["silent", "endless headers", "one byte at a time"],
)
def test_a_slow_receiver_is_left(fault: faults.Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit for the whole exchange, however steadily bytes come."""
    monkeypatch.setattr(webhook, "_SECONDS", 0.5)
    with faults.failing(fault) as url:
        answer = Webhook(f"{url}/s3cret", "generic").send(ALERT)
    assert (answer.delivered, answer.text) == (False, "no answer within 0.5 s")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_nonsense_is_no_delivery(answer: bytes) -> None:
    """A connection that is closed, or an answer that is no HTTP, is a failure in a word."""
    with faults.failing(lambda connection, _: connection.sendall(answer)) as url:
        given = Webhook(url, "generic").send(ALERT)
    assert not given.delivered
    assert given.text == "ProtocolError"


def test_a_long_answer_is_cut(hook: Hook) -> None:
    """What is kept of an answer is its beginning."""
    hook.answer = (200, {}, b"x" * 100_000)
    assert Webhook(hook.url, "generic").send(ALERT).text == "200: " + "x" * 200


def test_the_generic_form_is_json() -> None:
    """Also for an alert that is about no version."""
    assert json.loads(json.dumps(generic(replace(ALERT, version=None))))["version"] is None
