"""Who is held against whom, from when to when, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cuelight.journal.record import CANARY, CHAMPION, CONTROL, PINNED, SHADOW
from cuelight.kit.clock import FakeClock
from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.host.deployment import Deployment, Served, Standby
from cuelight.serving.rollouts.bake import Rule
from cuelight.serving.rollouts.bakes import Bakes, cases, ends
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.evidence import Tally
from cuelight.serving.rollouts.meters import Arm
from cuelight.serving.rollouts.pooled import Part
from cuelight.serving.rollouts.recall import Recall
from cuelight.serving.rollouts.standing import Standing

PROD, STAG = Track.PRODUCTION, Track.STAGING


def _served(version: int) -> Served:
    return Served(VersionId("m", version, version, "s"), f"d{version}", "", "r", "stage", 0.0)


STEADY = Deployment(1, 0.0, {("m", PROD): _served(1), ("m", STAG): _served(2)})
CANARY_OUT = replace(STEADY, traffic={"m": Traffic(canary=10.0)})
RIVAL = Standby(_served(1), 600.0, rival=True, most=90.0)
BAKING = Deployment(2, 0.0, {("m", PROD): _served(2)}, standby=(RIVAL,), traffic={"m": Traffic(control=5.0)})


class _Host:
    """What the workers counted, and what time it is."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counts: dict[Arm, Counts] = {}
        self.labels: dict[Arm, Tally] = {}
        self.parts: dict[str, Sequence[Part]] = {}
        rule = Rule(least=5, enough=20)
        self.bakes = Bakes(
            lambda: dict(self.counts), lambda _models: self.labels, rule, self.clock.now, lambda: self.parts, "a"
        )

    def answer(self, version: int, arm: str, number: int, faults: int = 0) -> None:
        """One version has answered some more requests; then a look is due."""
        before = self.counts.get(("m", version, arm), Counts())
        self.counts["m", version, arm] = before + Counts(answered=number, failed=faults, worse=faults)

    def look(self) -> None:
        """A second later."""
        self.clock.advance(1.0)
        self.bakes.look()


def test_a_canary_is_held_against_production() -> None:
    """And a version that bakes against the one before it; nobody else against anybody."""
    assert cases(STEADY) == {}
    (key, case), *none = cases(CANARY_OUT).items()
    assert (key, case.ours, case.theirs, case.share, none) == (
        ("m", STAG),
        ("m", 2, CANARY),
        ("m", 1, CHAMPION),
        10.0,
        [],
    )
    (key, case), *none = cases(BAKING).items()
    assert (key, case.ours, case.theirs, case.share, none) == (
        ("m", PROD),
        ("m", 2, CHAMPION),
        ("m", 1, CONTROL),
        5.0,
        [],
    )
    assert cases(replace(BAKING, traffic={}))["m", PROD].share == 0.0
    assert cases(replace(CANARY_OUT, traffic={"m": Traffic(canary=100.0)}))["m", STAG].share == 0.0


@pytest.mark.parametrize(
    ("deployment", "arm", "rival"),
    [
        (CANARY_OUT, CANARY, (1, CHAMPION)),
        (CANARY_OUT, CHAMPION, (2, CANARY)),
        (CANARY_OUT, PINNED, None),
        (CANARY_OUT, SHADOW, None),
        (BAKING, CHAMPION, (1, CONTROL)),
        (BAKING, CONTROL, (2, CHAMPION)),
        (STEADY, CHAMPION, None),
    ],
)
def test_each_arm_has_a_version_beside_it(deployment: Deployment, arm: str, rival: tuple[int, str] | None) -> None:
    """Where two are held against each other."""
    found = deployment.beside("m", arm)
    assert (found and (found[0].id.version, found[1])) == rival


def test_what_was_before_does_not_count() -> None:
    """A canary's faults from another time are not this one's."""
    host = _Host()
    host.answer(2, CANARY, 100, faults=100)
    assert host.bakes.begin(CANARY_OUT) == {}
    host.answer(2, CANARY, 10)
    host.answer(1, CHAMPION, 90)
    host.look()
    verdict = host.bakes.verdict(("m", STAG))
    assert verdict is not None
    assert (
        verdict.reason == "Too little to tell of version 2: 10 requests beside 90 of version 1; 20 of each are enough."
    )


def _fail(host: _Host, arms: tuple[str, str]) -> None:
    for _ in range(20):
        host.answer(2, arms[0], 5, faults=5)
        host.answer(1, arms[1], 5)
        host.look()


def test_a_canary_that_fails_loses_its_share_and_stays_where_it_is() -> None:
    """The recall has nobody instead, and moves nothing in the registry."""
    host = _Host()
    host.bakes.begin(CANARY_OUT)
    _fail(host, (CANARY, CHAMPION))
    (worse,) = host.bakes.worse()
    assert worse.recall(7.0, move=True) == Recall(_served(2).id, STAG, worse.verdict.reason, 7.0, None)
    line = worse.line()
    assert (line.kind, line.model, line.version, line.detail["to"]) == ("rolled-back", "m", 2, 1)


def test_a_version_that_fails_while_it_bakes_gives_way() -> None:
    """To the one that was there before."""
    host = _Host()
    host.bakes.begin(BAKING)
    _fail(host, (CHAMPION, CONTROL))
    (worse,) = host.bakes.worse()
    assert worse.recall(7.0, move=True) == Recall(_served(2).id, PROD, worse.verdict.reason, 7.0, _served(1), move=True)


def test_another_share_goes_on_with_what_is_known() -> None:
    """Other versions begin anew."""
    host = _Host()
    host.bakes.begin(CANARY_OUT)
    host.answer(2, CANARY, 50)
    host.answer(1, CHAMPION, 50)
    host.look()
    assert host.bakes.begin(replace(CANARY_OUT, traffic={"m": Traffic(canary=20.0)})) == {}
    next_one = {("m", PROD): _served(1), ("m", STAG): _served(3)}
    ended = host.bakes.begin(replace(CANARY_OUT, tracks=next_one))
    assert ended["m", STAG][1].ours.answered == 50
    verdict = host.bakes.verdict(("m", STAG))
    assert verdict is not None
    assert verdict.reason.startswith("Too little to tell of version 3: 0 requests")


@pytest.mark.parametrize("canary", [20.0, 90.0])
def test_what_is_fine_at_one_share_has_to_show_it_at_the_next(canary: float) -> None:
    """Also where the two arms just change their shares."""
    host = _Host()
    host.bakes.begin(CANARY_OUT)
    host.answer(2, CANARY, 50)
    host.answer(1, CHAMPION, 50)
    host.look()
    assert host.bakes.canary("m") == Standing.FINE
    host.bakes.begin(replace(CANARY_OUT, traffic={"m": Traffic(canary=canary)}))
    host.look()
    assert host.bakes.canary("m") == Standing.NOT_ENOUGH


def test_the_end_of_a_bake_is_told_where_the_version_stays() -> None:
    """With how it did; and not where it was replaced."""
    host = _Host()
    host.bakes.begin(BAKING)
    host.answer(2, CHAMPION, 950)
    host.answer(1, CONTROL, 50)
    host.look()
    over = host.bakes.begin(replace(BAKING, standby=(), traffic={}))
    (line,) = ends(over, replace(BAKING, standby=()))
    assert (line.kind, line.version, line.detail["verdict"]) == ("baked", 2, "fine")
    assert list(ends(over, replace(BAKING, tracks={("m", PROD): _served(3)}))) == []


def test_a_look_that_fails_counts_nothing_twice() -> None:
    """What could not be read is read the next time, be it the very first."""
    host = _Host()
    host.answer(2, CANARY, 1000)
    host.bakes._read = lambda: None
    host.bakes.begin(CANARY_OUT)
    host.look()
    host.bakes._read = lambda: host.counts
    host.look()
    host.answer(2, CANARY, 10)
    host.look()
    host.bakes._read = lambda: None
    host.look()
    host.bakes._read = lambda: host.counts
    host.look()
    assert host.bakes.begin(STEADY)["m", STAG][1].ours.answered == 10


def test_what_another_machine_counted_convicts_here() -> None:
    """Where it serves the same two versions; the line says what each has seen."""
    here, there = _Host(), _Host()
    for each in (here, there):
        each.bakes.begin(BAKING)
        each.look()
    _fail(there, (CHAMPION, CONTROL))
    here.parts = {"a": here.bakes.parts(), "b": there.bakes.parts()}
    (worse,) = here.bakes.worse()
    assert worse.verdict.reason.endswith("Counted on 2 hosts: b 100 of 100, a 0 of 0.")
    figures = worse.line().detail["figures"]
    assert figures["failed"] == [100, 0]
    assert figures["hosts"]["a"]["failed"] == [0, 0]
    verdict = here.bakes.verdict(("m", PROD))
    assert verdict is not None
    assert verdict.standing == Standing.WORSE
    here.parts = {"a": here.bakes.parts(), "b": ()}
    assert here.bakes.worse() == []


def test_a_canary_goes_up_by_what_all_have_seen() -> None:
    """The end of a bake is told of all as well."""
    here, there = _Host(), _Host()
    for each in (here, there):
        each.bakes.begin(CANARY_OUT)
        each.answer(2, CANARY, 15)
        each.answer(1, CHAMPION, 15)
        each.look()
    assert here.bakes.canary("m") == Standing.NOT_ENOUGH
    here.parts = {"a": here.bakes.parts(), "b": there.bakes.parts()}
    assert here.bakes.canary("m") == Standing.FINE
    assert here.bakes.begin(STEADY)["m", STAG][1].ours.answered == 30


def test_what_was_judged_is_not_judged_again() -> None:
    """A follower asks many times a second: only a new look, other hosts' figures or another deployment are news."""
    here, there = _Host(), _Host()
    for each in (here, there):
        each.bakes.begin(BAKING)
        each.look()
    assert here.bakes.worse() == []
    assert here.bakes.worse() is here.bakes.worse()
    there.answer(2, CHAMPION, 40, faults=40)
    there.look()
    here.parts = {"a": here.bakes.parts(), "b": there.bakes.parts()}
    (found,) = here.bakes.worse()
    assert found.verdict.reason.endswith("Counted on 2 hosts: b 40 of 40, a 0 of 0.")
    assert here.bakes.worse() is here.bakes.worse()
    before = here.bakes.worse()
    here.look()
    assert here.bakes.worse() is not before
    here.bakes.begin(STEADY)
    assert here.bakes.worse() == []
