from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuelight.operations.host import Host, Record, Role, Version
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.waves import LOST_SECONDS, Pace, granted, held, hindrance, marked, settle, under_way
from cuelight.serving.host.deployment import Deployment, Served, Standby

PROD, STAG = Track.PRODUCTION, Track.STAGING
PACE = Pace(bake=30.0, silent=15.0)
OLD, NEW = Version(6, 6), Version(7, 7)
NAMES = ("a", "b", "c", "d")


def role(state: str = "serving", wanted: Version = NEW, serves: Version = NEW, since: float = 0.0) -> Role:
    """How a model stands."""
    return Role("m", PROD, wanted, state, "It lacks a column." if state == "refused" else "", serves, since)


def host(name: str, its: Role, age: float = 1.0, clock: float = 1000.0, **more: Any) -> Host:
    """Another host that stands so."""
    return Host(name=name, folder=name, port=1, roles=(its,), age=age, clock=clock, **more)


WAITS = role("waiting", serves=OLD)
STOPPED = "The wave stopped: a refused version 7: It lacks a column."
FIRST = "It waits for its turn: {} first, for 30 s of version 7."


@pytest.mark.parametrize(
    ("others", "size", "why"),
    [
        ([], 1, ""),
        ([host("a", role())], 1, ""),
        ([host("c", WAITS)], 1, ""),
        ([host("a", role(since=980.0))], 1, FIRST.format("a")),
        ([host("a", role(since=980.0))], 2, ""),
        ([host("a", role(since=4600.0))], 1, ""),  # its clock was set back by an hour
        ([host("a", role("trial", serves=OLD))], 1, FIRST.format("a")),
        ([host("a", role("refused", serves=OLD))], 9, STOPPED),
        ([host("c", role("refused", serves=OLD))], 1, ""),
        ([host("c", role("switching", serves=OLD))], 1, FIRST.format("c")),
        ([host("a", role("trial", serves=OLD), age=16.0)], 1, ""),
        ([host("a", role("trial", serves=OLD), draining=True)], 1, ""),
        ([host("c", role("switching", serves=OLD), age=16.0)], 1, FIRST.format("c")),
        ([host("c", role("switching", serves=OLD), age=LOST_SECONDS + 1.0)], 1, ""),
        ([host("c", role("switching", serves=OLD), draining=True)], 1, ""),
        ([host("a", role(wanted=OLD, serves=OLD), unread=16.0)], 1, ""),
        ([host("a", role("fetching", serves=OLD), unread=16.0)], 1, ""),
        ([host("a", role("failed", serves=OLD), unread=16.0)], 1, ""),
        ([host("a", role("waiting", serves=OLD), unread=16.0)], 1, FIRST.format("a")),
        ([host("a", role(since=980.0), unread=16.0)], 1, FIRST.format("a")),
        ([host("a", role("refused", serves=OLD), unread=16.0)], 9, STOPPED),
        ([host("a", role("trial", serves=OLD), trouble="Its disk is full.")], 1, FIRST.format("a (Its disk is full)")),
    ],
)  # fmt: skip
def test_whose_turn_it_is(others: list[Host], size: int, why: str) -> None:
    """In the order of names, after those before have served it for a while; not after one that refused."""
    assert hindrance("b", WAITS, others, size, PACE) == why


def _served(number: int) -> Served:
    return Served(VersionId("m", number, number, ""), f"d{number}", "", "", "stage", 0.0)


@pytest.mark.parametrize(
    ("present", "wish", "before", "waits"),
    [(6, 7, None, True), (None, 7, None, False), (7, 7, None, False), (7, 6, None, False), (6, 7, 7, False)],
)
def test_only_what_goes_forward_is_held(present: int | None, wish: int, before: int | None, waits: bool) -> None:
    """Not the first version, nor one that is gone back to: by its number, or since it was the one before."""
    tracks = {("m", PROD): _served(present)} if present else {}
    standby = (Standby(_served(before), 9e9, rival=True),) if before else ()
    deployment = Deployment(1, 0.0, tracks, {}, standby)
    wishes = {("m", track): Wish(VersionId("m", wish, wish, ""), "", "") for track in (PROD, STAG)}
    expected = {("m", PROD)} if waits else set()
    assert held(deployment, wishes, {"m": 1}, ()) == expected
    assert held(deployment, wishes, {"other": 1}, ()) == frozenset()
    assert held(deployment, wishes, {"m": 1}, [("m", Version(wish, wish))]) == frozenset()


def test_what_is_under_way_is_said_whatever_is_wanted_by_now() -> None:
    """So that no other host begins meanwhile; a model that is served for the first time is none of it."""
    before, after = (Deployment(1, 0.0, {("m", PROD): _served(number)}) for number in (6, 7))
    assert under_way(before, after) == {"m": NEW}
    assert under_way(before, None) == under_way(after, after) == under_way(Deployment(), after) == {}
    (said,) = marked([role("ready", Version(8, 8), OLD)], [("m", PROD)], (), {"m": NEW})
    assert (said.wanted, said.state) == (NEW, "switching")


@dataclass
class Machine:
    """A host as it is, what its follower said last, and as it wrote itself down."""

    name: str
    serves: Version = OLD
    since: float = 0.0
    wanted: Version = OLD
    changing: Version | None = None
    began: float = 0.0
    refused: set[Version] = field(default_factory=set)
    left: bool = False
    said: tuple[Role, ...] = ()
    row: Host | None = None


@dataclass
class Fleet:
    """Hosts and one table, step by step."""

    size: int
    machines: dict[str, Machine]
    newest: Version = OLD
    clock: float = 100.0

    def do(self, what: str, name: str) -> None:
        """One step of one host."""
        machine = self.machines[name]
        if what == "promote":
            self.newest = Version(self.newest.number + 1, self.newest.number + 1)
        elif what == "wait":
            self.pass_time(12.0)
        elif not machine.left:
            getattr(self, what)(machine)
        assert sum(each.changing is not None for each in self.machines.values()) <= self.size

    def pass_time(self, seconds: float) -> None:
        """No change takes longer than a host is waited for."""
        self.clock += seconds
        for each in self.machines.values():
            if each.row:
                each.row = msgspec.structs.replace(each.row, age=each.row.age + seconds)
            if self.clock - each.began > LOST_SECONDS - 20.0:
                self.finish(each)

    def read(self, machine: Machine) -> None:
        machine.wanted = self.newest
        self.introduce(machine)

    def leave(self, machine: Machine) -> None:
        machine.left = True

    def permits(self, machine: Machine) -> Any:
        fresh = machine.row and machine.row.age < PACE.silent / 2.0
        return granted(machine.row.roles) if machine.row and fresh else ()

    def introduce(self, machine: Machine) -> None:
        """What the follower says until it says something else, whatever the table has come to meanwhile."""
        wanted = machine.wanted
        state = "serving" if machine.serves == wanted else "refused" if wanted in machine.refused else "ready"
        waits = [] if ("m", wanted) in self.permits(machine) else [("m", PROD)]
        plain = Role("m", PROD, wanted, state, "", machine.serves, machine.since)
        under_way = {"m": machine.changing} if machine.changing else {}
        machine.said = marked([plain], waits, self.permits(machine), under_way)

    def beat(self, machine: Machine) -> None:
        record = Record(name=machine.name, folder="", port=1, clock=self.clock, roles=machine.said)
        others = [each.row for each in self.machines.values() if each.row and each is not machine]
        permits = self.permits(machine)
        settled = settle(record, others, {"m": self.size}, PACE, permits)
        if granted(settled.roles) and not permits and granted(settled.roles) != granted(machine.said):
            ahead = [each for each in others if each.name < machine.name and each.age <= PACE.silent]
            said = [its for each in ahead if (its := each.role("m", PROD))]
            assert not [its for its in said if its.state == "refused" and its.wanted == machine.wanted]
        machine.row = Host(**msgspec.structs.asdict(settled))

    def turn(self, machine: Machine) -> None:
        """Ask for a turn, and take it."""
        self.beat(machine)
        self.begin(machine)

    def begin(self, machine: Machine) -> None:
        free = machine.changing is None and machine.serves != machine.wanted
        if free and ("m", machine.wanted) in self.permits(machine) and machine.wanted not in machine.refused:
            machine.changing, machine.began = machine.wanted, self.clock
            self.introduce(machine)

    def finish(self, machine: Machine) -> None:
        if machine.changing:
            machine.serves, machine.since, machine.changing = machine.changing, self.clock, None
            self.introduce(machine)

    def refuse(self, machine: Machine) -> None:
        if machine.changing:
            machine.refused.add(machine.changing)
            machine.changing = None
            self.introduce(machine)


LATE = [
    *(("turn", "a"), ("finish", "a"), ("beat", "a"), ("promote", "a"), ("read", "a"), ("read", "b")),
    *(("wait", "a"), ("wait", "a"), ("turn", "b"), ("beat", "a"), ("beat", "b"), ("turn", "a")),
]
STEPS = ("promote", "wait", "wait", "read", "beat", "turn", "turn", "turn", "finish", "finish", "refuse", "leave")
SIZES = st.integers(1, 3)


def played(size: int, steps: list[tuple[str, str]]) -> Fleet:
    """After these steps, once all have seen a new version; each keeps the limit, and lets nobody pass a refusal."""
    fleet = Fleet(size, {name: Machine(name) for name in NAMES})
    for what, name in [("promote", "a"), *((step, each) for each in NAMES for step in ("read", "beat"))]:
        fleet.do(what, name)
    for what, name in steps:
        fleet.do(what, name)
    return fleet


@settings(deadline=None, max_examples=80)
@example(1, LATE)
@given(SIZES, st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(NAMES)), min_size=60, max_size=120))
def test_no_more_change_at_a_time_than_may_and_none_after_a_refusal(size: int, steps: list[tuple[str, str]]) -> None:
    """Whatever hosts do, in whichever order, and whoever falls silent in the middle of it."""
    played(size, steps)


QUIET = tuple(each for each in STEPS if each != "refuse")


@settings(deadline=None, max_examples=15)
@given(SIZES, st.lists(st.tuples(st.sampled_from(QUIET), st.sampled_from(NAMES))))
def test_a_wave_ends_wherever_hosts_have_left(size: int, steps: list[tuple[str, str]]) -> None:
    """Those that are left all serve the newest version in the end."""
    fleet = played(size, steps)
    for _ in range(int(LOST_SECONDS / 10.0) + 10 * len(NAMES)):
        for name in NAMES:
            for what in ("read", "turn", "finish", "beat"):
                fleet.do(what, name)
        fleet.pass_time(10.0)
    assert {each.serves for each in fleet.machines.values() if not each.left} <= {fleet.newest}
