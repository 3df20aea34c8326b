"""What an order to roll back comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cuelight.kit.errors import Refused
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.desk import Sight, obey
from cuelight.serving.host.deployment import Deployment, Served, Standby
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.orders import Answer, Order
from cuelight.serving.rollouts.recall import Recall

PROD = Track.PRODUCTION
ORDER = Order("x", "m", 1, 2, "anna", 100.0)


def _id(number: int, created: int = 5) -> VersionId:
    return VersionId("m", number, created, "s")


def _served(number: int) -> Served:
    return Served(_id(number), f"d{number}", "key", f"r{number}", "stage", 7.0)


def _sight(present: int = 2, standby: tuple[int, ...] = (), winner: int | None = 2, **more: Any) -> Sight:
    kept = tuple(Standby(_served(number), 100.0 + number) for number in standby)
    committed = Deployment(1, 0.0, {("m", PROD): _served(present)}, standby=kept)
    fields = {"recalls": (), "facts": {}, "winners": {("m", PROD): _id(winner)} if winner else {}}
    return Sight(committed, **(fields | more))


def _obey(order: Order, sight: Sight) -> tuple[Recall, ...] | Answer:
    return obey(order, sight, lambda fact: fact.digest != "gone")


def _recall(order: Order, sight: Sight) -> Recall:
    found = _obey(order, sight)
    assert isinstance(found, tuple)
    return found[0]


READY = {_id(1): Fact(Phase.READY, "d1", "key")}


@pytest.mark.parametrize("version", [1, None])
def test_what_is_kept_answers_as_it_did(version: int | None) -> None:
    """The version that is named, or the one before: that was kept last."""
    order = Order("x", "m", version, None, "anna", 100.0)
    recall = _recall(order, _sight(standby=(0, 1)))
    reason = "Rolled back to version 1 by anna while MLflow was away."
    assert recall == Recall(_id(2), PROD, reason, 100.0, _served(1), "anna", move=True)


def test_what_is_only_in_the_store_is_as_good() -> None:
    """If it was ready here once, and its files are: of a model that was made anew the newer one."""
    facts = {**READY, _id(1, 4): Fact(Phase.READY, "old", "key")}
    assert _recall(ORDER, _sight(facts=facts)).instead == Served(_id(1), "d1", "key", "", "", 0.0)


@pytest.mark.parametrize(
    ("order", "sight", "says"),
    [
        (Order("x", "other", 1, 2, "anna", 1.0), _sight(), "other has no version in Production"),
        (ORDER, _sight(), "not ready on this host"),
        (ORDER, _sight(facts={_id(1): Fact(Phase.READY, "gone")}), "not ready on this host"),
        (ORDER, _sight(facts={_id(1): Fact(Phase.FETCHED, "d1")}), "not ready on this host"),
        (Order("x", "m", None, None, "anna", 1.0), _sight(), "keeps no version of m"),
        (ORDER, _sight(3, (1,), 3), "m version 3 is in Production by now, not version 2"),
    ],
)
def test_what_can_not_be_done_is_refused(order: Order, sight: Sight, says: str) -> None:
    """With the reason; nothing is changed."""
    with pytest.raises(Refused, match=says):
        _obey(order, sight)


def test_what_is_so_already_is_done() -> None:
    """Somebody was faster."""
    assert _obey(ORDER, _sight(1, winner=1)) == Answer(True, "m version 1 answers again.")


def test_an_order_is_taken_up_once() -> None:
    """It is answered when its version answers, and not before."""
    recall = _recall(ORDER, _sight(standby=(1,)))
    assert _obey(ORDER, _sight(standby=(1,), recalls=(recall,))) == ()
    assert _obey(ORDER, _sight(1, recalls=(recall,))) == Answer(True, "m version 1 answers again.")


def test_what_came_in_between_ends_it() -> None:
    """The registry has a third version there, or the workers can't load the one to go back to."""
    recall = _recall(ORDER, _sight(standby=(1,)))
    with pytest.raises(Refused, match="m version 3 was put into Production meanwhile"):
        _obey(ORDER, _sight(standby=(1,), winner=3, recalls=(recall,)))
    refused = {_id(1): Fact(Phase.REFUSED, "d1", reason="no memory")}
    with pytest.raises(Refused, match="m version 1 can't be served: no memory"):
        _obey(ORDER, _sight(standby=(1,), recalls=(recall,), facts=refused))


@pytest.mark.parametrize("winner", [3, None])
def test_one_may_go_back_twice(winner: int | None) -> None:
    """What is recalled is the version that the registry has there, read or not, and the one that answers."""
    first = Recall(_id(3), PROD, "first", 50.0, _served(2), "anna", move=True)
    found = _obey(ORDER, _sight(standby=(1,), winner=winner, recalls=(first,)))
    assert isinstance(found, tuple)
    assert [(each.version, each.instead, each.move) for each in found] == [
        (_id(3), _served(1), True),
        (_id(2), _served(1), False),
    ]
    settled = replace(first, in_force=False, move=False)
    assert _recall(ORDER, _sight(standby=(1,), winner=None, recalls=(settled,))).version == _id(2)
