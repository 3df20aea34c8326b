"""What a follower does about versions that do worse, and about orders to go back."""

from __future__ import annotations

import pytest

from cuelight.serving.host.orders import Answer, Orders
from cuelight.serving.rollouts.counts import Counts
from tests.unit.serving.following.followed import Followed


@pytest.mark.parametrize("restarted", [False, True])
def test_an_order_to_roll_back_needs_no_registry(host: Followed, restarted: bool) -> None:
    """It is carried out in the next ticks, also by a follower that has not read the registry, which is told later."""
    orders = Orders(host.room.places.orders)
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    host.registry.set_alias("m", "champion", 2)
    host.settle()
    host.registry.down = True
    order = orders.leave("m", 1, 2, "anna")
    if restarted:
        host.start()
    host.settle()
    assert host.served() == {"m": 1}
    assert orders.answer(order) == Answer(True, "m version 1 answers again.")
    if restarted:
        host.reporter.flush()
        host.start()
        host.settle()
    assert host.served() == {"m": 1}

    host.registry.down = False
    for _ in range(2):
        host.settle()
        host.reporter.flush()
    found = host.registry.snapshot().models["m"]
    assert ({number: each.stage for number, each in found.versions.items()}, found.aliases) == (
        {1: "Production", 2: "Archived"},
        {"champion": 1},
    )
    host.settle()
    host.reporter.flush()
    assert host.served() == {"m": 1}
    assert host.registry.snapshot().models["m"].versions[2].tags["cuelight.state"] == "rolled-back"
    assert [line for line in host.lines if line[0].startswith("roll")] == [
        ("rolled-back", "m", 2),
        ("rollback-settled", "m", 2),
    ]
    host.registry.set_stage("m", 2, "Production", archive_others=True)  # somebody means it
    host.settle()
    assert host.served() == {"m": 2}


def test_an_order_is_overruled_by_the_registry(host: Followed) -> None:
    """A third version in Production is what people want, whatever was ordered before they could say so."""
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    host.registry.down = True
    Orders(host.room.places.orders).leave("m", None, None, "anna")
    host.settle()
    assert host.served() == {"m": 1}
    host.registry.down = False
    host.add("m", "3")
    host.settle()
    host.reporter.flush()
    assert host.served() == {"m": 3}
    assert host.registry.snapshot().models["m"].versions[3].stage == "Production"
    assert ("rollback-settled", "m", 2) in host.lines


def test_an_order_whose_version_no_worker_can_load_is_refused(host: Followed) -> None:
    """The present version goes on answering, and nothing is tried for ever."""
    for model in ("1", "2"):
        host.add("m", model)
        host.settle()
    slot = host.room.board.claim()
    host.registry.down = True
    orders = Orders(host.room.places.orders)
    order = orders.leave("m", 1, 2, "anna")
    generation = host.stand_by(slot)
    host.fail(slot, generation, [host.fact("m", 1).digest])
    host.follower.tick()
    host.follower.tick()
    answer = orders.answer(order)
    assert answer == Answer(False, f"m version 1 can't be served: generation {generation} dropped: no memory")
    host.clock.advance(60.0)
    assert host.settle().startswith("serving")
    assert host.served() == {"m": 2}


def _answers(host: Followed, arms: dict[tuple[int, str], Counts]) -> None:
    """What workers would have counted of model m, and a look at it."""
    host.follower._bakes._read = lambda: {("m", *arm): counts for arm, counts in arms.items()}
    for _ in range(3):
        host.clock.advance(1.0)
        host.follower.tick()


FAULTY = Counts(answered=200, failed=200, worse=20)
FINE = Counts(answered=5000)


def _baking(host: Followed) -> tuple[int, int]:
    """Version 1 gives way to version 2, which fails on everything."""
    one = host.add("m", "1")
    host.settle()
    two = host.add("m", "2")
    host.follower._bakes._read = lambda: {("m", one, "champion"): FINE}
    host.settle()
    assert host.served() == {"m": two}
    for total in (FAULTY, FAULTY + FAULTY):
        _answers(host, {(one, "champion"): FINE, (two, "champion"): total})
    return one, two


def test_a_version_that_does_worse_gives_way(host: Followed) -> None:
    """The history says so; MLflow keeps its stage, and its tags say what happened."""
    one, two = _baking(host)
    host.settle()
    host.reporter.flush()
    assert host.served() == {"m": one}
    assert ("rolled-back", "m", two) in host.lines
    version = host.registry.snapshot().models["m"].versions[two]
    assert (version.stage, version.tags["cuelight.state"]) == ("Production", "rolled-back")


def test_the_stage_is_moved_back_where_that_is_wanted(host: Followed) -> None:
    """As `cuelight rollback` would; what the tags say stays."""
    host.settings["rollback_move_stage"] = True
    host.start()
    one, two = _baking(host)
    host.settle()
    host.reporter.flush()
    host.settle()
    host.reporter.flush()
    versions = host.registry.snapshot().models["m"].versions
    assert (versions[one].stage, versions[two].stage) == ("Production", "Archived")
    assert versions[two].tags["cuelight.state"] == "rolled-back"
    assert host.served() == {"m": one}


def test_nothing_is_rolled_back_where_nobody_wants_it(host: Followed) -> None:
    """By the setting."""
    host.settings["rollback_auto"] = False
    host.start()
    _, two = _baking(host)
    host.settle()
    assert host.served() == {"m": two}


def test_a_rollback_needs_no_registry(host: Followed) -> None:
    """A follower that never read it goes back all the same."""
    one = host.add("m", "1")
    host.settle()
    two = host.add("m", "2")
    host.settle()
    host.start()
    host.follower._bakes._read = lambda: {("m", one, "champion"): FINE}
    host.follower._bakes.begin(host.follower._committed)
    for total in (FAULTY, FAULTY + FAULTY):
        _answers(host, {(one, "champion"): FINE, (two, "champion"): total})
    host.settle(read=False)
    assert host.served() == {"m": one}
    host.settle()
    assert host.served() == {"m": one}
