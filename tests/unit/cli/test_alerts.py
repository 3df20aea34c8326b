from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli.alerts import command
from cuelight.kit.clock import FakeClock
from cuelight.monitoring.alerts.channel import Channel, LogLine
from cuelight.monitoring.alerts.dispatcher import Dispatcher
from cuelight.monitoring.alerts.troubles import Terms
from cuelight.monitoring.alerts.webhook import Webhook
from cuelight.operations.database import Operations
from tests.support.ports import free_port
from tests.support.receivers import hook, mail_server


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")


def test_what_was_sent_is_shown(tmp_path: Path) -> None:
    """Where to and when, and what waits and why; of the webhook's URL no more than its host."""
    assert CliRunner().invoke(command).output == "There was nothing to tell yet.\n"
    clock = FakeClock(1_700_000_000.0)
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}", clock=clock)
    channels: list[Channel] = [LogLine(), Webhook(f"http://127.0.0.1:{free_port()}/s3cret", "generic")]
    for version in (3, 4):
        operations.record("rolled-back", "[b]", version, {"reason": "It fails.", "to": 2})
    Dispatcher(operations, channels, Terms(60.0, ""), clock).tick()
    shown = [" ".join(line.split()) for line in CliRunner().invoke(command).output.splitlines()[1:]]
    moment = "2023-11-14 22:13:20"
    assert shown == [
        f"{moment} [b] version 3 is rolled back log delivered 1 {moment}",
        f"{moment} [b] version 3 is rolled back webhook (127.0.0.1) waiting 1 {moment} nobody listens there",
        f"{moment} [b] version 4 is rolled back log delivered 1 {moment}",
        f"{moment} [b] version 4 is rolled back webhook waiting 0 its turn has not come",
    ]
    lines = CliRunner().invoke(command, ["--json", "--limit", "2"]).output.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [(each["alert"]["version"], each["channel"]) for each in documents] == [(4, "log"), (4, "webhook")]


def test_a_test_goes_to_every_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and it is told what each said; exit code 1 where one did not take it."""
    with hook() as receiver, mail_server() as mail:
        monkeypatch.setenv("CUELIGHT_ALERTS_WEBHOOK", receiver.url)
        monkeypatch.setenv("CUELIGHT_ALERTS_EMAIL_TO", "a@b")
        monkeypatch.setenv("CUELIGHT_ALERTS_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("CUELIGHT_ALERTS_SMTP_PORT", str(mail.port))
        monkeypatch.setenv("CUELIGHT_ALERTS_SMTP_SECURITY", "none")
        result = CliRunner().invoke(command, ["test"])
        assert (result.exit_code, result.output) == (0, "webhook (localhost): taken, 200: ok\nemail (a@b): taken\n")
        receiver.answer = (404, {}, b"no_service")
        result = CliRunner().invoke(command, ["test"])
        assert (result.exit_code, result.output.splitlines()[0]) == (
            1,
            "webhook (localhost): not taken, 404: no_service",
        )
        assert {body["topic"] for body in receiver.bodies} == {"test"}
        assert [message["Subject"] for message in mail.messages] == ["[Cuelight] Test of Cuelight's alerts"] * 2


def test_without_a_scheduler_alerts_are_sent_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be told by now, once; the exit code says whether a receiver did not take it, which then waits."""
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    with hook() as receiver:
        monkeypatch.setenv("CUELIGHT_ALERTS_WEBHOOK", receiver.url)
        operations.record("rolled-back", "m", 3, {"reason": "It fails.", "to": 2})
        result = CliRunner().invoke(command, ["send"])
        assert (result.exit_code, result.stdout) == (0, "log: 1 sent. webhook: 1 sent.\n")
        result = CliRunner().invoke(command, ["send"])
        assert (result.exit_code, result.stdout) == (0, "Nothing is to be sent now.\n")
        receiver.answer = (503, {}, b"later")
        operations.record("rolled-back", "m", 4, {"reason": "It fails.", "to": 2})
        result = CliRunner().invoke(command, ["send"])
        assert (result.exit_code, result.stdout) == (1, "log: 1 sent. webhook waits: 503: later.\n")
        assert [body["version"] for body in receiver.bodies] == [3, 4]


def test_without_a_receiver_there_is_nothing_to_test() -> None:
    """It is said what to set."""
    result = CliRunner().invoke(command, ["test"])
    assert result.exit_code == 0
    assert "alerts.webhook" in result.output


@pytest.mark.parametrize("line", ["schedule run", "up"])
def test_a_wrong_setting_is_said_at_start(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line that says which, without the URL; not when there is something to tell."""
    monkeypatch.setenv("CUELIGHT_ALERTS_WEBHOOK", "hooks.example/s3cret")
    monkeypatch.setenv("CUELIGHT_SERVING_PORT", str(free_port()))
    monkeypatch.setenv("CUELIGHT_MLFLOW_PORT", str(free_port()))
    started = subprocess.run(
        [sys.executable, "-m", "cuelight.cli", *line.split()], capture_output=True, text=True, check=False, timeout=60
    )
    assert started.returncode == 1
    assert started.stderr == "cuelight: Setting `alerts_webhook` is no URL: it must begin with http:// or https://.\n"
