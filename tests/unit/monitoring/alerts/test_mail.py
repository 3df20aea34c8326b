from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts import mail
from cuelight.monitoring.alerts.channels import channels
from cuelight.monitoring.alerts.mail import Mail
from tests.support import fault_server as faults
from tests.support.ports import free_port
from tests.support.receivers import MailServer, mail_server
from tests.unit.monitoring.alerts.test_webhook import ALERT

TO = ["ops@example.org", "ml@example.org"]


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server without encryption."""
    with mail_server() as made:
        yield made


def channel(port: int, security: str = "none", **more: str) -> Mail:
    """A channel to a mail server on this machine."""
    return Mail(TO, "cuelight@example.org", "localhost", port, security, **more)


def test_an_alert_is_one_letter(server: MailServer) -> None:
    """To all who get it, with an id that is always the same, and a text that people read."""
    answer = channel(server.port).send(ALERT)
    assert (answer.delivered, answer.text) == (True, "")
    (message,) = server.messages
    assert message["Subject"] == "[Cuelight] churn version 3 is rolled back"
    assert (message["From"], message["To"]) == ("cuelight@example.org", "ops@example.org, ml@example.org")
    assert message["Message-ID"] == f"<{ALERT.id}@cuelight>"
    assert message["Date"].datetime == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert message.get_content().splitlines() == [
        "It fails 20 % of requests.",
        "",
        "http://mlflow/#/models/churn/versions/3",
        "",
        f"critical, 2023-11-14 22:13:20 UTC, alert {ALERT.id}",
    ]
    assert [line for line in server.lines if line.startswith("RCPT")] == [f"RCPT TO:<{each}>" for each in TO]


@pytest.mark.parametrize(
    ("verb", "reply", "text", "hopeless"),
    [
        ("", "421 too busy", "421: too busy", False),
        ("MAIL", "451 later", "451: later", False),
        ("RCPT", "550 unknown", "ops@example.org: 550: unknown; ml@example.org: 550: unknown", False),
        ("DATA", "451 later", "451: later", False),
        (".", "552 too big", "552: too big", True),
        (".", "452 no room", "452: no room", False),
    ],
)
def test_a_refusal_is_told(server: MailServer, verb: str, reply: str, text: str, hopeless: bool) -> None:
    """In the server's words; only a letter that is refused for good is hopeless."""
    server.replies[verb] = reply
    answer = channel(server.port).send(ALERT)
    assert (answer.delivered, answer.text, answer.hopeless) == (False, text, hopeless)
    assert server.messages == []


def test_what_comes_after_the_letter_does_not_matter(server: MailServer) -> None:
    """A server that took the letter has it, however it says goodbye."""
    server.replies["QUIT"] = "500 what?"
    assert channel(server.port).send(ALERT).delivered


def test_one_address_that_is_unknown_keeps_no_other_from_it(server: MailServer) -> None:
    """The letter is delivered once; who did not get it is kept with the answer."""
    server.replies["RCPT TO:<ml@example.org>"] = "550 unknown"
    answer = channel(server.port).send(ALERT)
    assert (answer.delivered, answer.text) == (True, "not to ml@example.org: 550: unknown")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_a_checked_connection_only(
    security: str, certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a certificate that is trusted the letter goes; with one that is not, nothing does."""
    context, public = certificate
    with mail_server(context, wrapped=security == "tls") as server:
        sender = channel(server.port, security, user="me", password="s3cret")
        answer = sender.send(ALERT)
        assert not answer.delivered
        assert "certificate verify failed" in answer.text.lower().replace("_", " ")
        assert not any(line.startswith("AUTH") for line in server.lines)
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert sender.send(ALERT).delivered
        assert any(line.startswith("AUTH PLAIN") for line in server.lines)


def test_no_encryption_no_password(server: MailServer) -> None:
    """A server that offers no STARTTLS gets neither password nor letter, unless settings say `none`."""
    answer = channel(server.port, "starttls", user="me", password="s3cret").send(ALERT)
    assert (answer.delivered, answer.text) == (False, "STARTTLS extension not supported by server.")
    assert not any(line[:4] in ("AUTH", "MAIL") for line in server.lines)


def test_a_wrong_password_is_told_without_it(server: MailServer) -> None:
    """The answer holds what the server says."""
    server.replies["AUTH"] = "535 unknown user or wrong password"
    answer = channel(server.port, user="me", password="s3cret").send(ALERT)
    assert (answer.delivered, answer.text, answer.hopeless) == (False, "535: unknown user or wrong password", False)


def test_a_server_that_is_down_is_told() -> None:
    """Nobody listens, and nobody by that name."""
    assert channel(free_port()).send(ALERT).text == "Connection refused"
    unknown = Mail(TO, TO[0], "nobody.invalid", 25, "none").send(ALERT)
    assert not unknown.delivered
    assert unknown.text


@pytest.mark.parametrize("fault", [faults.hang, faults.drip(b"220 ", b"x")], ids=["silent", "one byte at a time"])
def test_a_slow_server_is_left(fault: faults.Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit for the whole conversation."""
    monkeypatch.setattr(mail, "_SECONDS", 0.5)
    with faults.failing(fault, speaks_first=True) as url:
        answer = channel(int(url.rpartition(":")[2])).send(ALERT)
    assert (answer.delivered, answer.text) == (False, "no end within 0.5 s")


def test_settings_name_the_channels() -> None:
    """The log is always there; what can't work is said with the setting to change."""
    assert [each.name for each in channels(Settings())] == ["log"]
    hook = Settings(alerts_webhook="https://hooks.example/s3cret")
    assert [(each.name, each.target) for each in channels(hook)] == [("log", ""), ("webhook", "hooks.example")]
    to = Settings(alerts_email_to="a@b, c@d", alerts_smtp_host="mail")
    assert [(each.name, each.target) for each in channels(to)] == [("log", ""), ("email", "a@b, c@d")]
    for wrong, says in (
        (Settings(alerts_email_to="a@b"), "alerts_smtp_host"),
        (Settings(alerts_email_to=" , ", alerts_smtp_host="mail"), "alerts_email_to"),
        (Settings(alerts_email_to="nobody", alerts_smtp_host="mail"), "nobody"),
        (Settings(alerts_email_to="a@b", alerts_email_from="x\n@y", alerts_smtp_host="mail"), "alerts_email_from"),
        (Settings(alerts_webhook="hooks.example"), "alerts_webhook"),
    ):
        with pytest.raises(Misconfigured, match=says):
            channels(wrong)
