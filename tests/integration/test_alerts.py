"""What happens to a version gets to people: from a real follower through the history and a real scheduler."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cuelight.kit.signing import SigningKey
from cuelight.monitoring.alerts.dispatcher import Dispatcher
from cuelight.monitoring.alerts.troubles import Terms
from cuelight.monitoring.alerts.webhook import Webhook
from cuelight.operations.database import Operations
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.host import Host, eventually
from tests.support.models import Shelf
from tests.support.ports import free_port
from tests.support.receivers import Hook, MailServer, hook, mail_server


@contextmanager
def scheduler(home: Path, receiver: Hook, mail: MailServer) -> Iterator[Path]:
    """`cuelight schedule run` as a process of its own; its log. No registry answers: alerts don't need one."""
    settings = {
        "HOME": str(home),
        "REGISTRY_URI": f"http://127.0.0.1:{free_port()}",
        "ALERTS_WEBHOOK": receiver.url,
        "ALERTS_WEBHOOK_STYLE": "slack",
        "ALERTS_EMAIL_TO": "ops@example.org",
        "ALERTS_SMTP_HOST": "127.0.0.1",
        "ALERTS_SMTP_PORT": str(mail.port),
        "ALERTS_SMTP_SECURITY": "none",
        "ALERTS_REFUSED_SECONDS": "0",
    }
    environment = {**os.environ, **{f"CUELIGHT_{name}": value for name, value in settings.items()}}
    log = home / "schedule.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cuelight.cli", "schedule", "run"], env=environment, stderr=output
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(120)
    assert process.returncode == 0


@pytest.fixture
def follower(tmp_path: Path, registry: MemoryRegistry) -> Iterator[Host]:
    """A follower that writes to the operations database; it has no workers to switch."""
    made = Host(tmp_path / "home", registry)
    operations = Operations(made.settings.operations_url)
    made.record = lambda kind, model, version, detail, at: operations.record(kind, model, version, detail, at)
    made.start_follower()
    yield made
    made.stop()


def trust(host: Host, name: str, version: int) -> None:
    """Sign a version's files, as `cuelight trust` does."""
    chosen = host.registry.snapshot().models[name].versions[version]
    manifest = Manifest.of_folder(Path(chosen.source), name, chosen.run_id)
    key = SigningKey.load_or_create(host.settings.keys_folder)
    host.registry.set_version_tags(name, version, manifest.signed(key))


def test_a_refused_promotion_gets_to_people(follower: Host, registry: MemoryRegistry, tmp_path: Path) -> None:
    """While the receiver is down nothing is lost; when the version is served after all, that is told too."""
    home = follower.settings.home
    shelf = Shelf(registry, tmp_path / "shelf", follower.settings.keys_folder)
    version = shelf.add("churn", models.constant(1.0), form="cloudpickle", sign=False)
    registry.set_stage("churn", version, "Production")
    with hook() as receiver, mail_server() as mail:
        receiver.down()
        with scheduler(home, receiver, mail) as log:
            eventually(lambda: mail.messages, reason="no letter came")
            eventually(lambda: "nobody listens there" in log.read_text(), reason="the webhook was not tried")
        receiver.up()
        with scheduler(home, receiver, mail) as log:
            (body,) = eventually(lambda: receiver.bodies, reason="the webhook was not told")
            eventually(lambda: "churn version 1 is refused" in log.read_text())
            assert mail.messages[0]["Subject"] == "[Cuelight] churn version 1 is refused"
            assert "not signed" in mail.messages[0].get_content()
            assert body["text"].startswith("churn version 1 is refused. ")
            trust(follower, "churn", version)
            eventually(lambda: len(receiver.bodies) == 2, reason="the recovery was not told")
            assert receiver.bodies[1]["text"].startswith("Recovered: churn version 1 is refused. ")
            eventually(lambda: len(mail.messages) == 2, reason="no letter told the recovery")
    assert len(mail.messages) == 2
    assert "s3cret" not in log.read_text()


def test_an_automatic_rollback_gets_to_people(
    host: Host, shelf: Shelf, registry: MemoryRegistry, tmp_path: Path
) -> None:
    """By the lines that a real rollback leaves: one alert, and one that it is over when a better version comes."""
    operations = Operations(f"sqlite:///{tmp_path / 'operations.db'}")
    callers = itertools.count()

    def promote(fails: float) -> int:
        version = shelf.add("moody", models.moody(1.0, fails=fails), form="cloudpickle")
        registry.set_stage("moody", version, "Production", archive_others=True)
        host.wait_for("moody", version)
        return version

    def ask() -> None:
        caller = next(callers)
        body = {"dataframe_split": {"columns": ["a", "b"], "data": [[caller * 37 % 100 + 0.5, 0.0]]}}
        host.score("moody", body, **{"X-Cuelight-Key": str(caller)})

    def told() -> list[tuple[str, str]]:
        while host.history:
            operations.record(*host.history.pop(0))
        Dispatcher(operations, [Webhook(receiver.url, "generic")], Terms(60.0, "")).tick()
        return [(body["severity"], body["title"]) for body in receiver.bodies]

    with hook() as receiver:
        promote(fails=100.0)
        for _ in range(300):
            ask()
        worse = promote(fails=60.0)
        while host.serves("moody", worse):
            ask()
            assert next(callers) < 10_000, "it was not rolled back"
        rolled_back = ("critical", f"moody version {worse} is rolled back")
        assert eventually(told) == [rolled_back]
        assert receiver.bodies[0]["text"].startswith("Version 1 answers instead: ")
        promote(fails=100.0)
        eventually(lambda: len(told()) == 2)
        assert told() == [rolled_back, ("info", f"Recovered: moody version {worse} is rolled back")]
