"""Who waits where, and who is refused."""

from __future__ import annotations

import math

import pytest

from cuelight.kit.errors import DeadlineExceeded, NotFound, Unavailable
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.lanes import SMALL, TURN_SECONDS, Key, Kind, Lanes, Ticket
from cuelight.serving.answering.outcome import Work

QUICK = Kind("quick", seconds=0.0001)
SLOW = Kind("slow", seconds=0.1)
LONELY = Kind("lonely", together=False, seconds=0.1)


def ticket(kind: Kind | None = QUICK, size: int = 100, deadline: float = math.inf, encoding: str = "") -> Ticket:
    """A call of that many bytes."""
    return Ticket("somebody", Call(Asked("m", encoding=encoding), b" " * size, deadline=deadline), kind)


def end(lanes: Lanes, key: Key, batches: list[list[Ticket]]) -> list[Ticket]:
    """A thread is done with all that it took up; those whose answers are still wanted."""
    left = [each for batch in batches for each in lanes.done(batch)]
    lanes.finish(key)
    return left


@pytest.fixture
def lanes() -> Lanes:
    """Two threads, and nobody waits for more than a second."""
    return Lanes(2, 1.0)


def test_quick_work_is_the_loops(lanes: Lanes) -> None:
    """What comes in one turn goes out in one, in order; what will not be predicted as well."""
    tickets = [ticket(), ticket(None), ticket(Kind("other"))]
    assert [lanes.enter(each, 0.0) for each in tickets] == [False] * 3
    assert lanes.turn() == tickets
    assert (lanes.turn(), lanes.more, lanes.start(0.0)) == ([], False, [])


def test_a_turn_of_the_loop_is_short(lanes: Lanes) -> None:
    """Work for more than a turn is left for the next, when others had their chance to come in."""
    kind = Kind("each", together=False, seconds=0.002)
    for _ in range(5):
        lanes.enter(ticket(kind), 0.0)
    sizes = []
    while lanes.more:
        sizes.append(len(lanes.turn()))
    assert sizes == [2, 2, 1]


def test_what_calls_wait_for_is_in_use(lanes: Lanes) -> None:
    """On the loop or aside, until they are answered; also while a late one still runs."""
    lanes.enter(ticket(), 0.0)
    lanes.enter(ticket(SLOW, deadline=0.5), 0.0)
    assert lanes.in_use == {"quick", "slow"}
    lanes.turn()
    ((key, batches),) = lanes.start(0.0)
    assert lanes.in_use == {"slow"}
    lanes.expired(1.0)
    assert lanes.in_use == {"slow"}
    end(lanes, key, batches)
    assert lanes.in_use == set()


def test_calls_that_go_together_cost_little_more_than_one(lanes: Lanes) -> None:
    """A hundred calls of a version that predicts them at once are one turn."""
    kind = Kind("joint", seconds=0.8 * TURN_SECONDS)
    for _ in range(100):
        lanes.enter(ticket(kind), 0.0)
    assert len(lanes.turn()) == 100


def test_a_crowd_does_not_keep_the_loop(lanes: Lanes) -> None:
    """Calls that are predicted one by one: those who would wait long on the loop wait in their lane instead."""
    kind = Kind("each", together=False, seconds=0.004)
    aside = [lanes.enter(ticket(kind), 0.0) for _ in range(200)]
    assert 10 < aside.count(False) < 40
    assert lanes.enter(ticket(QUICK), 0.0)
    while lanes.more:
        lanes.turn()
    assert lanes.enter(ticket(kind), 0.0) is False


def test_calls_that_fill_a_turn_by_few_gather_aside(lanes: Lanes) -> None:
    """Once a turn's worth of them waits: there all are predicted together, and who comes meanwhile joins them."""
    kind = Kind("middling", seconds=0.7 * TURN_SECONDS, byte_seconds=0.004 * TURN_SECONDS)
    aside = [lanes.enter(ticket(kind), 0.0) for _ in range(20)]
    assert aside == [False] * 3 + [True] * 17  # 100 bytes add two fifths of a turn
    ((key, (batch,)),) = lanes.start(0.0)
    assert len(batch) == 17
    while lanes.more:
        lanes.turn()
    assert lanes.enter(ticket(kind), 0.0)
    assert not lanes.enter(ticket(QUICK), 0.0)
    end(lanes, key, [batch])
    ((key, (batch,)),) = lanes.start(0.0)
    assert len(batch) == 1
    end(lanes, key, [batch])
    assert not lanes.enter(ticket(kind), 0.0)


@pytest.mark.parametrize("big", [ticket(size=SMALL + 1), ticket(encoding="gzip")], ids=["long", "compressed"])
def test_big_bodies_go_aside(big: Ticket, lanes: Lanes) -> None:
    """Small ones of the same version stay on the loop."""
    assert lanes.enter(big, 0.0) is True
    assert lanes.enter(ticket(), 0.0) is False
    assert [batches for _, batches in lanes.start(0.0)] == [[[big]]]


def test_a_slow_versions_calls_gather_while_it_works(lanes: Lanes) -> None:
    """One batch at a time: what came meanwhile is the next."""
    first, *more = [ticket(SLOW) for _ in range(5)]
    lanes.enter(first, 0.0)
    ((key, batches),) = lanes.start(0.0)
    for each in more:
        lanes.enter(each, 0.01)
    assert (batches, lanes.start(0.02), lanes.waiting) == ([[first]], [], 4)
    assert end(lanes, key, batches) == [first]
    assert [batches for _, batches in lanes.start(0.1)] == [[more]]


def test_calls_of_a_version_that_takes_no_company_go_one_by_one(lanes: Lanes) -> None:
    """Each has its answer as soon as it is there, and a lane has a thread for a quarter of a second at a time."""
    tickets = [ticket(LONELY) for _ in range(5)]
    for each in tickets:
        lanes.enter(each, 0.0)
    for slice_ in ([0, 1], [2, 3], [4]):
        ((key, batches),) = lanes.start(0.0)
        assert batches == [[tickets[number]] for number in slice_]
        end(lanes, key, batches)
    assert lanes.start(0.0) == []


def test_lanes_take_turns_at_the_threads() -> None:
    """With one thread and two slow versions, one who has much to do does not keep the other waiting for all of it."""
    lanes, other = Lanes(1, 60.0), Kind("other", together=False, seconds=0.1)
    for kind in (LONELY, LONELY, LONELY, other):
        lanes.enter(ticket(kind), 0.0)
    order = []
    for _ in range(3):
        ((key, batches),) = lanes.start(0.0)
        order.append(key[0])
        end(lanes, key, batches)
    assert order == ["lonely", "other", "lonely"]


def test_who_would_wait_too_long_is_refused_at_once(lanes: Lanes) -> None:
    """With the wait that it would have been; those who were let in are answered, and then there is room again."""
    for _ in range(11):
        lanes.enter(ticket(LONELY), 0.0)
    with pytest.raises(Unavailable) as refused:
        lanes.enter(ticket(LONELY), 0.0)
    assert refused.value.retry_after == pytest.approx(1.1)
    while started := lanes.start(0.0):
        for key, batches in started:
            end(lanes, key, batches)
    assert lanes.enter(ticket(LONELY), 2.0)


def test_who_would_miss_its_deadline_is_refused_at_once(lanes: Lanes) -> None:
    """Behind others there would not be time enough; whoever can wait longer is let in."""
    lanes.enter(ticket(LONELY, deadline=60.0), 0.0)
    with pytest.raises(DeadlineExceeded):
        lanes.enter(ticket(LONELY, deadline=0.15), 0.0)
    assert lanes.enter(ticket(LONELY, deadline=0.25), 0.0)


def test_an_idle_version_always_tries(lanes: Lanes) -> None:
    """However slow it is thought to be: it may have become quicker, and else nobody would find out."""
    assert lanes.enter(ticket(Kind("dull", seconds=50.0), deadline=1.0), 0.0)
    ((key, batches),) = lanes.start(0.0)
    lanes.learn([Work("dull", 100, 0.01)])
    end(lanes, key, batches)
    for _ in range(200):
        lanes.learn([Work("dull", 100, 0.001)])
    assert lanes.enter(ticket(Kind("dull", seconds=50.0)), 0.0) is False


def test_a_new_version_has_a_pace_of_its_own(lanes: Lanes) -> None:
    """What was learned of one says nothing about the next."""
    lanes.enter(ticket(), 0.0)
    for _ in range(50):
        lanes.learn([Work("quick", 100, 1.0)])
    assert lanes.enter(ticket(), 0.0) is True
    assert lanes.enter(ticket(Kind("quick version 2", seconds=0.0001)), 0.0) is False


def test_compressed_bodies_have_a_pace_of_their_own(lanes: Lanes) -> None:
    """A byte of theirs is many, so that it takes longer; and they don't hold up big bodies that came as they are."""
    packed = ticket(size=1000, encoding="gzip")
    assert lanes.enter(packed, 0.0)
    for _ in range(50):
        lanes.learn([Work("quick", 1000, 0.6, packed=True)])
    lanes.start(0.0)
    assert lanes.enter(ticket(size=1000, encoding="gzip"), 0.0)
    with pytest.raises(Unavailable):
        lanes.enter(ticket(size=1000, encoding="gzip"), 0.0)
    assert lanes.enter(ticket(size=SMALL + 1), 0.0)
    assert lanes.enter(ticket(), 0.0) is False


def test_what_runs_over_is_thought_to_go_on(lanes: Lanes) -> None:
    """A predict that has taken three seconds instead of a tenth keeps newcomers out, not in."""
    lanes.enter(ticket(SLOW), 0.0)
    lanes.start(0.0)
    with pytest.raises(Unavailable):
        lanes.enter(ticket(SLOW), 3.0)


def test_deadlines_pass_while_calls_wait_and_while_they_run(lanes: Lanes) -> None:
    """Each is told once: the thread that comes with the answer finds it settled, and who waited is not predicted."""
    running, waiting, patient = (ticket(LONELY, deadline=each) for each in (0.5, 0.6, 60.0))
    lanes.enter(running, 0.0)
    ((key, batches),) = lanes.start(0.0)
    lanes.enter(waiting, 0.0)
    lanes.enter(patient, 0.0)
    assert lanes.expired(0.4) == []
    assert lanes.seconds_to_deadline(0.4) == pytest.approx(0.1)
    assert set(lanes.expired(0.7)) == {running, waiting}
    assert lanes.expired(0.8) == []
    assert running.settle() is False
    assert end(lanes, key, batches) == []
    assert [batches for _, batches in lanes.start(1.0)] == [[[patient]]]
    assert patient.settle() is True
    assert lanes.expired(100.0) == []


def test_a_lane_that_was_emptied_by_deadlines_is_gone() -> None:
    """Nobody is left in it: it takes no thread, and newcomers start anew."""
    lanes = Lanes(1, 60.0)
    lanes.enter(ticket(SLOW), 0.0)
    lanes.start(0.0)
    lanes.enter(ticket(LONELY, deadline=0.5), 0.0)
    assert len(lanes.expired(1.0)) == 1
    lanes.finish(("slow", False, False))
    assert lanes.start(1.0) == []
    assert lanes.enter(ticket(LONELY), 1.0)
    assert len(lanes.start(1.0)) == 1


def test_what_has_a_fault_waits_for_nobody(lanes: Lanes) -> None:
    """It is answered in the next turn, also for a busy version."""
    for _ in range(11):
        lanes.enter(ticket(LONELY), 0.0)
    faulty = Ticket("somebody", Call(Asked("m"), b"", fault=NotFound("gone")), LONELY)
    assert lanes.enter(faulty, 0.0) is False
    assert lanes.turn() == [faulty]


def test_refusals_are_no_long_turn_either(lanes: Lanes) -> None:
    """A crowd that is sent away does not keep a lane's thread waiting for its next work."""
    for _ in range(1000):
        lanes.enter(ticket(None), 0.0)
    assert len(lanes.turn()) < 100
