from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.kit.clock import FakeClock
from cuelight.monitoring.alerts import dispatcher
from cuelight.monitoring.alerts.channel import Answer, Channel, LogLine
from cuelight.monitoring.alerts.dispatcher import LEASE, Dispatcher, outcome, pause
from cuelight.monitoring.alerts.mail import Mail
from cuelight.monitoring.alerts.webhook import Webhook
from cuelight.operations.alerts import State
from cuelight.operations.database import Operations
from tests.support.receivers import Hook, MailServer, hook, mail_server
from tests.unit.monitoring.alerts.events import TERMS

NOON = 1_700_049_600.0
NOTHING = "Nothing is to be sent now."


class Post:
    """An installation with a webhook and a mail server, on a clock of its own."""

    def __init__(self, folder: Path, hook: Hook, mail: MailServer) -> None:
        self.clock = FakeClock(NOON)
        self.url = f"sqlite:///{folder / 'operations.db'}"
        self.operations = Operations(self.url, clock=self.clock)
        self.hook, self.mail = hook, mail
        self.channels: list[Channel] = [
            LogLine(),
            Webhook(hook.url, "generic"),
            Mail(["a@b"], "a@b", "localhost", mail.port, "none"),
        ]
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        """One more process of this installation, by its dispatcher."""
        return Dispatcher(self.operations, self.channels, TERMS, self.clock)

    def roll_back(self, *versions: int) -> None:
        """What is told at once."""
        for version in versions:
            self.operations.record("rolled-back", "m", version, {"reason": "It fails.", "to": 1})

    def posted(self) -> list[int]:
        """Versions that the webhook was told of, in their order."""
        return [body["version"] for body in self.hook.bodies]

    def mailed(self) -> list[str]:
        """Subjects of the letters."""
        return [message["Subject"] for message in self.mail.messages]

    def ids(self, channel: str) -> list[str]:
        """Ids of what a receiver was given, in their order."""
        posted, mailed = self.hook.bodies, self.mail.messages
        return [each["id"] for each in posted] if channel == "webhook" else [each["Message-ID"] for each in mailed]

    def states(self, channel: str) -> list[tuple[State, int]]:
        """What became of each alert, and after how many tries."""
        return [(each.state, each.tries) for each in self.operations.deliveries() if each.channel == channel]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """Everything up."""
    with hook() as receiver, mail_server() as mail:
        yield Post(tmp_path, receiver, mail)


def test_an_alert_goes_to_every_channel_once(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """Log line, webhook and e-mail; each is noted with its answer, and nothing is sent twice."""
    assert post.dispatcher.tick() == NOTHING
    post.roll_back(3)
    with caplog.at_level("INFO", logger="cuelight"):
        assert post.dispatcher.tick() == "log: 1 sent. webhook: 1 sent. email: 1 sent."
    assert post.dispatcher.tick() == NOTHING
    (record,) = [each for each in caplog.records if getattr(each, "action", "") == "alert"]
    assert record.getMessage() == "m version 3 is rolled back. Version 1 answers instead: It fails."
    assert post.posted() == [3]
    assert post.mailed() == ["[Cuelight] m version 3 is rolled back"]
    noted = [(each.channel, each.state.value, each.target, each.answer) for each in post.operations.deliveries()]
    assert noted == [
        ("email", "delivered", "a@b", ""),
        ("log", "delivered", "", ""),
        ("webhook", "delivered", "localhost", "200: ok"),
    ]


def test_a_receiver_that_is_down_loses_nothing(post: Post) -> None:
    """What came meanwhile gets there afterwards, in order, once; the other receivers do not wait for it."""
    post.hook.down()
    post.roll_back(3)
    assert post.dispatcher.tick() == "log: 1 sent. webhook waits: nobody listens there. email: 1 sent."
    post.roll_back(4)
    assert post.dispatcher.tick() == "log: 1 sent. email: 1 sent."
    for _ in range(20):
        post.clock.advance(600)
        assert post.dispatcher.tick() == "webhook waits: nobody listens there."
    assert post.states("webhook") == [(State.WAITING, 21), (State.WAITING, 0)]
    post.hook.up()
    assert post.dispatcher.tick() == NOTHING
    post.clock.advance(600)
    assert post.dispatcher.tick() == "webhook: 2 sent."
    assert post.posted() == [3, 4]
    assert len(post.mailed()) == 2


def test_tries_are_spaced(post: Post) -> None:
    """By pauses that double up to ten minutes; by what the receiver asks for, where that is longer."""
    assert [pause(tries) for tries in (1, 2, 3, 7, 8, 1000)] == [5.0, 10.0, 20.0, 320.0, 600.0, 600.0]
    assert [pause(1, asked) for asked in (3.0, 30.0, 86_400.0)] == [5.0, 30.0, 600.0]
    post.hook.answer = (429, {"Retry-After": "30"}, b"slow down")
    post.roll_back(3)
    post.dispatcher.tick()
    for seconds, said in ((29, NOTHING), (1, "webhook waits: 429: slow down.")):
        post.clock.advance(seconds)
        assert post.dispatcher.tick() == said
    assert post.posted() == [3, 3]
    assert {body["id"] for body in post.hook.bodies} == {post.hook.bodies[0]["id"]}


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_receiver_in_no_state_to_take_any_is_waited_for(post: Post, status: int) -> None:
    """However often it fails: nothing is given up."""
    post.hook.answer = (status, {"Location": "/"}, b"")
    post.roll_back(3)
    for _ in range(30):
        post.dispatcher.tick()
        post.clock.advance(600)
    assert post.states("webhook") == [(State.WAITING, 30)]


def test_a_message_that_is_not_wanted_is_given_up(post: Post) -> None:
    """After ten tries, recorded with the answer, and those after it get their turn."""
    post.hook.answer = (400, {}, b"invalid_payload")
    post.roll_back(3, 4)
    for _ in range(10):
        post.dispatcher.tick()
        post.clock.advance(600)
    assert post.states("webhook") == [(State.FAILED, 10), (State.WAITING, 0)]
    post.hook.answer = (200, {}, b"ok")
    post.dispatcher.tick()
    assert post.states("webhook") == [(State.FAILED, 10), (State.DELIVERED, 1)]
    given_up = next(each for each in post.operations.deliveries() if each.state == State.FAILED)
    assert (given_up.answer, given_up.tried_at) == ("400: invalid_payload", NOON + 9 * 600)
    assert outcome(Answer(True, "", hopeless=True), 11) == State.DELIVERED


def test_a_channel_begins_when_it_is_set(post: Post) -> None:
    """What was told before there was a webhook is not sent to it; what waits for one that is taken out, waits."""
    everything, post.channels = post.channels, post.channels[:1]
    post.roll_back(3)
    post.another().tick()
    post.channels = everything
    post.hook.down()
    post.roll_back(4)
    post.another().tick()
    post.channels = everything[:1]
    post.roll_back(5)
    post.another().tick()
    post.channels = everything
    post.hook.up()
    post.clock.advance(600)
    post.another().tick()
    assert post.posted() == [4]


def test_a_refusal_is_told_when_it_has_lasted(post: Post) -> None:
    """By the clock alone: no other event is needed."""
    post.operations.record("refused", "m", 3, {"reason": "It answers NaN."})
    post.dispatcher.tick()
    post.clock.advance(59)
    assert post.dispatcher.tick() == NOTHING
    post.clock.advance(1)
    post.dispatcher.tick()
    assert [body["text"] for body in post.hook.bodies] == ["It answers NaN."]


def test_a_long_history_is_read_in_pieces(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a trouble may lie in the next piece: nothing is told too early."""
    monkeypatch.setattr(dispatcher, "_EVENTS", 2)
    for version in range(2, 9):
        post.operations.record("refused", "m", version, {"reason": "It raised."}, at=NOON - 1_000 + version)
        post.operations.record("switched", "m", version, {"track": "Staging"}, at=NOON - 999.5 + version)
    post.operations.record("refused", "m", 9, {"reason": "It raised."}, at=NOON - 900)
    for _ in range(10):
        post.dispatcher.tick()
    assert post.posted() == [9]


def test_many_alerts_leave_the_others_their_turn(post: Post) -> None:
    """Ten at once for each channel."""
    post.roll_back(*range(2, 14))
    assert post.dispatcher.tick() == "log: 10 sent. webhook: 10 sent. email: 10 sent."
    assert post.dispatcher.tick() == "log: 2 sent. webhook: 2 sent. email: 2 sent."
    assert post.posted() == list(range(2, 14))


def test_one_process_sends_at_a_time(post: Post) -> None:
    """A second one leaves it to the first, and goes on when that is gone; one that lost its lease stops."""
    post.roll_back(3)
    lease = post.operations.acquire(LEASE, "another", 60.0, NOON)
    assert lease is not None
    assert post.dispatcher.tick() == "Another process sends alerts."
    assert post.posted() == []
    post.clock.advance(60)
    assert post.dispatcher.tick() == "log: 1 sent. webhook: 1 sent. email: 1 sent."
    post.roll_back(4, 5)

    def take_over() -> None:
        post.clock.advance(61)
        post.operations.acquire(LEASE, "another", 600.0, post.clock.now())

    post.hook.before_answer = take_over
    assert post.dispatcher.tick() == "log: 2 sent. webhook: 1 sent. email: 0 sent."
    assert post.posted() == [3, 4]


_SENDER = """
import json, sys
from cuelight.kit.clock import FakeClock
from cuelight.monitoring.alerts.dispatcher import Dispatcher
from cuelight.monitoring.alerts.mail import Mail
from cuelight.monitoring.alerts.troubles import Terms
from cuelight.monitoring.alerts.webhook import Webhook
from cuelight.operations.database import Operations
url, hook, port, channel, now = json.loads(sys.argv[1])
mail = Mail(["a@b"], "a@b", "localhost", port, "none")
chosen = mail if channel == mail.name else Webhook(hook, "generic")
Dispatcher(Operations(url), [chosen], Terms(60.0, ""), FakeClock(now)).tick()
"""


@pytest.mark.parametrize("name", ["webhook", "email"])
def test_a_sender_killed_before_it_noted_is_followed_by_one_that_sends_again(post: Post, name: str) -> None:
    """At least once, with the same id, so that the receiver can tell: nothing is lost, and nothing else is repeated."""
    post.channels = [each for each in post.channels if each.name == name]
    post.dispatcher = post.another()
    post.roll_back(3, 4)
    process: list[subprocess.Popen[bytes]] = []

    def kill_at_the_second() -> None:
        if len(post.ids(name)) == 2:
            os.kill(process[0].pid, signal.SIGKILL)

    post.hook.before_answer = post.mail.before_answer = kill_at_the_second
    arguments = json.dumps([post.url, post.hook.url, post.mail.port, name, NOON])
    process.append(subprocess.Popen([sys.executable, "-c", _SENDER, arguments]))
    assert process[0].wait(60) == -signal.SIGKILL
    assert post.dispatcher.tick() == "Another process sends alerts."
    post.clock.advance(60)
    assert post.dispatcher.tick() == f"{name}: 1 sent."
    first, second, again = post.ids(name)
    assert first != second == again
    assert post.states(name) == [(State.DELIVERED, 1), (State.DELIVERED, 1)]
