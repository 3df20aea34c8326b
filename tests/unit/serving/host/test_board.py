from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cuelight.serving.host import board as cue
from cuelight.serving.host.board import Board

_CLAIM = """
import sys
from pathlib import Path
from cuelight.serving.host.board import Board
board = Board(Path(sys.argv[1]))
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "claim":
        slot = board.claim()
        print(slot, flush=True)
    elif word == "see":
        print(board.target, board.committed, flush=True)
    elif word == "ack":
        board.acknowledge(slot, int(rest))
        board.beat(slot)
        print("ok", flush=True)
    elif word == "fail":
        board.fail(slot, int(rest))
        print("ok", flush=True)
"""


class _Worker:
    """A real process that does with a board what it is told on its standard input."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLAIM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.tell(line)
        return self.hear()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def test_words_are_seen_across_processes(tmp_path: Path) -> None:
    """Target and committed reach a worker, its acknowledgement and failure reach the follower; death frees its slot."""
    path = tmp_path / "deep" / "board"
    board = Board(path)
    workers = [_Worker(path) for _ in range(3)]
    try:
        for worker in workers:
            worker.tell("claim")
        slots = [int(worker.hear()) for worker in workers]
        assert sorted(slots) == [0, 1, 2]
        board.commit(3)
        board.prepare(4)
        assert workers[0].ask("see") == "4 3"
        board.abandon()
        assert workers[0].ask("see") == "3 3"
        assert workers[0].ask("ack 4") == workers[1].ask("fail 4") == "ok"
        seen = {each.slot: each for each in board.workers()}
        assert (seen[slots[0]].loaded, seen[slots[1]].failed, seen[slots[2]].loaded) == (4, 4, 0)
        assert seen[slots[0]].pid == workers[0].process.pid
        assert seen[slots[0]].beat >= seen[slots[2]].beat > 0
        workers[0].kill()
        assert sorted(each.slot for each in board.workers()) == sorted(slots[1:])
        assert board.claim() == slots[0]
        mine = next(each for each in board.workers() if each.pid == os.getpid())
        assert (mine.loaded, mine.failed) == (0, 0)
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.kill()


def test_a_slot_is_released_and_claimed_again(tmp_path: Path) -> None:
    """A slot that is given back is the next to be given out; two claims get two."""
    board = Board(tmp_path / "board")
    assert (board.claim(), board.claim()) == (0, 1)
    board.release(0)
    assert [each.slot for each in board.workers()] == [1]
    assert board.claim() == 0


def test_whoever_is_dismissed_late_costs_no_other_its_slot(tmp_path: Path) -> None:
    """The follower may learn that a worker is gone after a new one has its slot."""
    board = Board(tmp_path / "board")
    slot = board.claim()
    mine = board.workers()[0]
    board.dismiss(replace(mine, pid=1))
    assert board.workers() == [mine]
    board.dismiss(mine)
    assert board.workers() == []
    assert board.claim() == slot


def test_a_process_id_that_was_given_out_again_is_another_process(tmp_path: Path) -> None:
    """A slot whose process started at another moment than the one with its id is a dead one's."""
    board = Board(tmp_path / "board")
    slot = board.claim()
    at = board._at(slot)
    board._words[at + 1] += 1
    assert board.workers() == []
    assert board._words[at] == 0


def test_a_process_is_known_by_its_start() -> None:
    """The start of a process does not change while it lives; a zombie and one that is gone have none."""
    mine = cue.started(os.getpid())
    assert mine == cue.started(os.getpid()) > 0
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert cue.started(child.pid) == 0
    child.wait()
    assert cue.started(child.pid) == 0


def test_the_board_survives_its_processes(tmp_path: Path) -> None:
    """What was committed is there for those who open it later; a file that is no board is made one."""
    board = Board(tmp_path / "board")
    board.commit(9)
    board.note_reading(12.5)
    board.close()
    again = Board(tmp_path / "board")
    assert (again.committed, again.target, again.last_reading) == (9, 9, 12.5)
    (tmp_path / "other").write_bytes(b"\x01" * 100)
    other = Board(tmp_path / "other")
    assert (other.committed, other.target, other.workers()) == (0, 0, [])


def test_a_full_board_says_so(tmp_path: Path) -> None:
    """When all slots are taken the next claim is an error, not another's slot."""
    board = Board(tmp_path / "board")
    for _ in range(128):
        board.claim()
    with pytest.raises(RuntimeError, match="all are taken"):
        board.claim()


def test_a_host_is_settled_once_nothing_was_left_to_do(tmp_path: Path) -> None:
    """For good: with something to serve, or with nothing where nothing was asked for."""
    board, other = Board(tmp_path / "one"), Board(tmp_path / "two")
    assert not board.settled
    board.prepare(1)
    assert not board.settled
    board.commit(1)
    other.note_settled(1.0)
    assert board.settled
    assert Board(tmp_path / "two").settled


def test_what_was_settled_before_the_server_started_counts_no_more(tmp_path: Path) -> None:
    """Others may serve something newer by now; who can't know it waits for so long and no longer."""
    board = Board(tmp_path / "board")
    assert board.caught_up(now=1000.0, patience=30.0)
    board.note_settled(99.0)
    board.open(100.0)
    assert not board.caught_up(now=129.0, patience=30.0)
    assert board.caught_up(now=131.0, patience=30.0)
    board.note_settled(100.1)
    assert board.caught_up(now=101.0, patience=30.0)
