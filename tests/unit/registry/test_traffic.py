"""How tags share a model's traffic."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.percent import percent
from cuelight.registry.rollout import OFF, Plan
from cuelight.registry.traffic import Sharing, Spell, Traffic, addressed, from_json, meaning, over, share, to_json

PROD, STAG = Track.PRODUCTION, Track.STAGING


def _version(number: int) -> VersionId:
    return VersionId("m", number, number, "s")


def _share(
    tags: Mapping[str, str], staging: int | None = 2, memory: Mapping[str, Spell] | None = None, production: int = 1
) -> Sharing:
    winners = {("m", PROD): _version(production)} | ({("m", STAG): _version(staging)} if staging else {})
    return share(Snapshot({"m": RegisteredModel("m", tags=tags)}), winners, memory or {})


def _canary(sharing: Sharing) -> float:
    return sharing.traffic["m"].canary


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10.0), (" 12.5 % ", 12.5), ("0", 0.0), ("100%", 100.0), ("", 0.0), ("  ", 0.0)]
    + [(text, None) for text in ("101", "-1", "ten", "nan", "inf", "%", "1,5", "10%%")],
)
def test_a_percentage_is_read(text: str, value: float | None) -> None:
    """With or without its sign; nothing is 0; what is no percentage is none."""
    assert percent(text) == value


def test_tags_set_canary_and_shadow() -> None:
    """Each by its own."""
    sharing = _share({"cuelight.canary": "10", "cuelight.shadow": "100"})
    assert sharing.traffic == {"m": Traffic(10.0, 100.0)}
    assert not sharing.notes


def test_no_tags_is_no_traffic() -> None:
    """Where nothing is set."""
    assert _share({}).traffic == {"m": Traffic()}


def test_a_control_is_kept_from_one_version_to_the_next() -> None:
    """It says how versions are looked at, not which."""
    first = _share({"cuelight.control": "5 %", "cuelight.canary": "10"})
    second = _share({"cuelight.control": "5 %", "cuelight.canary": "10"}, staging=3, memory=first.memory)
    assert (first.traffic["m"], second.traffic["m"]) == (Traffic(10.0, 0.0, 5.0), Traffic(0.0, 0.0, 5.0))


def test_rolling_back_by_itself_can_be_turned_off() -> None:
    """What can't be read leaves it as it was, and is reported."""
    off = _share({"cuelight.auto_rollback": "false"})
    unreadable = _share({"cuelight.auto_rollback": "maybe"}, memory=off.memory)
    assert off.unwatched == unreadable.unwatched == frozenset({"m"})
    assert "cuelight.auto_rollback" in unreadable.notes[0]
    assert not _share({"cuelight.auto_rollback": "on"}, memory=off.memory).unwatched


def test_the_share_of_a_canary_that_failed_is_spent() -> None:
    """Until somebody sets it anew, be it to the same."""
    tags = {"cuelight.canary": "10"}
    failed = {"m": over(RegisteredModel("m", tags=tags), _share(tags).memory["m"])}
    still = _share(tags, memory=failed)
    assert (_canary(still), still.spent) == (0.0, (("m", "cuelight.canary"),))
    reset = _share({"cuelight.canary": "0"}, memory=still.memory)
    assert (_canary(reset), reset.spent) == (0.0, ())
    assert _canary(_share(tags, memory=reset.memory)) == 10.0


def test_what_cannot_be_read_changes_nothing() -> None:
    """It stays what it was, and is reported."""
    first = _share({"cuelight.canary": "10"})
    second = _share({"cuelight.canary": "a lot"}, memory=first.memory)
    assert _canary(second) == 10.0
    assert "cuelight.canary" in second.notes[0]
    assert "stays 10" in second.notes[0]


def test_the_next_version_takes_no_traffic_until_a_person_says_so() -> None:
    """What the tag said when it arrived is spent; saying 0, or something else, counts."""
    first = _share({"cuelight.canary": "10"})
    arrived = _share({"cuelight.canary": "10"}, staging=3, memory=first.memory)
    assert (_canary(arrived), arrived.spent) == (0.0, (("m", "cuelight.canary"),))
    again = _share({"cuelight.canary": "10"}, staging=3, memory=arrived.memory)
    assert (_canary(again), again.spent) == (0.0, (("m", "cuelight.canary"),))
    reset = _share({"cuelight.canary": "0"}, staging=3, memory=again.memory)
    assert (_canary(reset), reset.spent) == (0.0, ())
    assert _canary(_share({"cuelight.canary": "10"}, staging=3, memory=reset.memory)) == 10.0
    assert _canary(_share({"cuelight.canary": "20"}, staging=3, memory=again.memory)) == 20.0


def test_an_empty_staging_in_between_changes_nothing_of_that() -> None:
    """The version that left is remembered: what comes after it is a new one, and it itself is none."""
    first = _share({"cuelight.canary": "10"})
    empty = _share({"cuelight.canary": "10"}, staging=None, memory=first.memory)
    assert _canary(_share({"cuelight.canary": "10"}, staging=3, memory=empty.memory)) == 0.0
    assert _canary(_share({"cuelight.canary": "10"}, staging=2, memory=empty.memory)) == 10.0


def test_a_spent_value_that_cannot_be_read_stays_at_nothing() -> None:
    """The version before had 10; the next one does not inherit it by a misspelt tag."""
    first = _share({"cuelight.canary": "10"})
    assert _canary(_share({"cuelight.canary": "tn"}, staging=3, memory=first.memory)) == 0.0


def test_a_rollout_is_for_the_version_that_it_was_set_for() -> None:
    """At the next arrival it is spent like a canary's share, each tag by itself, until it says something else."""
    tags = {"cuelight.rollout": "5,25 every 10m", "cuelight.canary": "2"}
    first = _share(tags)
    assert (first.memory["m"].plan, first.spent) == (Plan((5.0, 25.0), 600), ())
    arrived = _share(tags, staging=3, memory=first.memory)
    assert (arrived.memory["m"].plan, _canary(arrived)) == (OFF, 0.0)
    assert arrived.spent == (("m", "cuelight.canary"), ("m", "cuelight.rollout"))
    meant = _share({**tags, "cuelight.rollout": "50 every 1h"}, staging=3, memory=arrived.memory)
    assert (meant.memory["m"].plan, meant.spent) == (Plan((50.0,), 3600), (("m", "cuelight.canary"),))
    off = _share({"cuelight.rollout": "off"}, staging=4, memory=meant.memory)
    assert (off.memory["m"].plan, off.spent) == (OFF, ())


def test_a_rollout_that_cannot_be_read_changes_nothing() -> None:
    """The plan stays what it was, and the note says how to write one."""
    first = _share({"cuelight.rollout": "5,25 every 10m"})
    second = _share({"cuelight.rollout": "25,5 every 10m"}, memory=first.memory)
    assert second.memory["m"].plan == Plan((5.0, 25.0), 600)
    assert "'5,25,50,100 every 10m'" in second.notes[0]
    assert "stays 5,25 every 10m" in second.notes[0]


def test_a_promotion_ends_what_was_set_for_the_version() -> None:
    """Back in Staging later it is on trial anew, and takes no live traffic until a person says so."""
    tags = {"cuelight.rollout": "5,100 every 10m", "cuelight.canary": "10", "cuelight.shadow": "50"}
    promoted = _share(tags, staging=None, memory=_share(tags).memory, production=2)
    assert promoted.spent == (("m", "cuelight.canary"), ("m", "cuelight.rollout"))
    back = _share(tags, staging=2, memory=promoted.memory)
    assert (back.memory["m"].plan, back.traffic) == (OFF, {"m": Traffic(0.0, 50.0)})


def test_memory_survives_a_restart() -> None:
    """As JSON."""
    tags = {"cuelight.canary": "10", "cuelight.rollout": "5 every 1m"}
    memory = _share(tags, staging=3, memory=_share(tags).memory).memory
    assert memory["m"].spent == tags
    assert from_json(json.loads(json.dumps(to_json(memory)))) == memory
    memory = _share(tags).memory
    assert from_json(json.loads(json.dumps(to_json(memory)))) == memory


@pytest.mark.parametrize(("tag", "said"), [("cuelight.canary", "10"), ("cuelight.rollout", "5,25 every 10m")])
def test_a_tag_that_names_its_version_counts_for_that_one_alone(tag: str, said: str) -> None:
    """It may be set before the version arrives, or with it, and is spent once that is promoted or followed."""
    tags = addressed({tag: said}, 3)
    assert tags == {tag: f"{said} for version 3"}
    early = _share(tags, staging=2)
    assert not early.memory["m"].has_canary
    assert early.spent == ()
    there = _share(tags, staging=3, memory=early.memory)
    assert there.memory["m"].has_canary
    assert (there.spent, there.notes) == ((), ())
    later = _share(tags, staging=4, memory=there.memory)
    promoted = _share(tags, staging=None, production=3, memory=there.memory)
    for after in (later, promoted):
        assert not after.memory["m"].has_canary
        assert after.spent == (("m", tag),)
    together = _share(tags, staging=3, memory=_share({}, staging=2).memory)
    assert together.memory["m"].has_canary


def test_a_named_version_that_failed_as_a_canary_is_not_tried_again() -> None:
    """What its tag says is spent, as any other's."""
    tags = {"cuelight.canary": "10 for version 2"}
    failed = {"m": over(RegisteredModel("m", tags=tags), _share(tags).memory["m"])}
    assert (_canary(_share(tags)), _canary(_share(tags, memory=failed))) == (10.0, 0.0)


def test_only_what_shares_a_canary_names_a_version() -> None:
    """A shadow is for whatever version is in Staging."""
    assert addressed({"cuelight.shadow": "100"}, 3) == {"cuelight.shadow": "100"}
    assert meaning("25,50 every 1h For Version 12 ") == ("25,50 every 1h", 12)
    assert meaning("10") == ("10", None)
