from __future__ import annotations

from typing import Any

from cuelight.operations.host import Role, Version
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.roles import roles
from cuelight.serving.host.deployment import Deployment, Key, Served
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts.recall import Recall

KEY: Key = ("m", Track.PRODUCTION)
OLD, NEW = (VersionId("m", number, number * 10, "") for number in (6, 7))
COMMITTED = Deployment(3, 0.0, {KEY: Served(OLD, "d", "", "", "stage", 12.0)})
WISHES = {KEY: Wish(NEW, "", "stage")}


def only(*args: Any) -> tuple[Version | None, str, str, Version | None, float]:
    """What the only role says, of what `roles` takes."""
    (found,) = roles(*args)
    assert (found.model, found.track) == ("m", "Production")
    return found.wanted, found.state, found.reason, found.serves, found.since


def test_a_role_says_what_is_wanted_and_what_serves() -> None:
    """How far the wanted version is, while another serves; and that it serves, once it does."""
    refused = Fact(Phase.REFUSED, reason="It lacks a column.")
    six, seven = Version(6, 60), Version(7, 70)
    assert only(COMMITTED, WISHES, {}) == (seven, "fetching", "", six, 12.0)
    assert only(COMMITTED, WISHES, {NEW: refused}) == (seven, "refused", "It lacks a column.", six, 12.0)
    assert only(COMMITTED, {KEY: Wish(OLD, "", "")}, {}) == (six, "serving", "", six, 12.0)
    assert only(COMMITTED, {}, {}) == (None, "", "", six, 12.0)
    assert only(Deployment(), WISHES, {}) == (seven, "fetching", "", None, 0.0)
    assert roles(Deployment(), {}, {}) == ()


def test_what_was_rolled_back_says_so() -> None:
    """As long as the registry has it on the track."""
    recall = Recall(NEW, Track.PRODUCTION, "Worse.", 1.0)
    assert only(COMMITTED, WISHES, {NEW: Fact(Phase.READY)}, [recall])[1:3] == ("rolled-back", "Worse.")
    assert roles(COMMITTED, WISHES, {}, [recall])[0] == Role(
        "m", "Production", Version(7, 70), "rolled-back", "Worse.", Version(6, 60), 12.0
    )
