"""Several processes at work on one PostgreSQL that is killed, hangs, and comes back."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from cuelight.kit.errors import Unavailable
from cuelight.operations import engine
from cuelight.operations.database import Operations
from tests.support import postgres
from tests.support.cut_off import CutOff
from tests.support.host import eventually
from tests.support.postgres import Postgres

# Writes numbered lines as the follower does: what could not be written is written again, until it is.
_WRITER = """
import sys, time
from cuelight.kit.errors import Unavailable
from cuelight.operations.database import Operations
url, writer, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
operations, troubles = Operations(url, "shared" if writer != "2" else "own"), 0
print("ready", flush=True)
for number in range(lines):
    while True:
        try:
            operations.record("written", writer, number, {"of": writer}, at=float(number))
            break
        except Unavailable:
            troubles += 1
            time.sleep(0.05)
    time.sleep(0.002)
print(troubles)
"""
_LINES = 300


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One of these tests alone: it is killed."""
    with postgres.running() as server:
        yield server


def test_killed_in_the_middle_of_work_nothing_is_lost_and_nothing_is_there_twice(server: Postgres) -> None:
    """Three processes write, two of them to one chain; the server is killed twice, once without a word."""
    url = server.url()
    reader = Operations(url)
    lease = reader.acquire("job", "me", 60.0, 0.0)
    assert lease is not None
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, url, each, str(_LINES)], stdout=subprocess.PIPE, text=True)
        for each in ("0", "1", "2")
    ]
    for each in writers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for number, share in ((signal.SIGQUIT, 0.2), (signal.SIGKILL, 0.5)):
        eventually(lambda share=share: _written(reader) > share * 3 * _LINES)  # type: ignore[misc]  # a default binds it
        server.restart(number)
    troubles = [int(each.communicate(timeout=250)[0]) for each in writers]
    assert all(troubles), "the kills came when all was written"
    assert Counter((event.model, event.version) for event in reader.history()) == {
        (str(writer), number): 1 for writer in range(3) for number in range(_LINES)
    }
    assert reader.verify() == []
    assert reader.acquire("job", "another", 60.0, 59.0) is None
    taken = reader.acquire("job", "another", 60.0, 60.0)
    assert taken is not None
    assert (taken.token, reader.renew(lease, 60.0, 61.0)) == (lease.token + 1, False)
    reader.close()


def _written(reader: Operations) -> int:
    try:
        return len(reader.history())
    except Unavailable:
        return 0


def test_a_commit_whose_answer_never_came_counts_once(server: Postgres) -> None:
    """The line is there, and nobody was told: given again it is not written again, and the chain goes on after it."""
    url = server.url()
    between = CutOff(sa.make_url(url).port or 0)
    operations = Operations(sa.make_url(url).set(port=between.port).render_as_string(hide_password=False))
    operations.record("written", "m", 1, {}, at=1.0)
    request = operations.request_retrain("m", 1, "drift", {}, 2.0)
    taken = operations.take_retrain("me", 60.0, 3.0)
    assert request is not None
    assert taken is not None
    changes: tuple[Callable[[], object], ...] = (
        lambda: operations.record("written", "m", 2, {}, at=4.0),
        lambda: operations.finish_retrain(taken, "staged", {"version": 2}, 5.0),
    )
    for change in changes:
        between.cut.clear()
        between.armed.set()
        with pytest.raises(Unavailable):
            change()
        assert between.cut.is_set()
        between.cut.clear()
        assert change() is not False
    operations.record("written", "m", 3, {}, at=6.0)
    assert [(each.kind, each.version) for each in operations.history()] == [
        ("written", 1),
        ("retrain-requested", 1),
        ("written", 2),
        ("retrained", 2),
        ("written", 3),
    ]
    assert operations.verify() == []
    operations.close()
    between.close()


def test_a_server_that_hangs_is_given_up(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and says nothing: what waits for it ends, and goes on once it has come round."""
    url = server.url()
    Operations(url).close()  # its tables are there
    monkeypatch.setattr(engine, "_SECONDS", 0.5)
    operations = Operations(url)
    operations.record("written", "m", 1, {}, at=1.0)
    server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match="can't be used"):
            operations.record("written", "m", 2, {}, at=2.0)
    finally:
        server.signal(signal.SIGCONT)

    def written() -> bool:  # half a second may be too short for a busy machine
        operations.record("written", "m", 2, {}, at=2.0)
        return True

    eventually(written)
    assert eventually(lambda: [each.version for each in operations.history()]) == [1, 2]
    operations.close()
