"""What may stay in memory, and who has to leave."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cuelight.serving.on_demand.cache import Cache, Room

NOBODY = frozenset[str]()
NAMES = st.sampled_from("abcdefghij")
SIZES = {name: 10 + 7 * place for place, name in enumerate("abcdefghij")}  # 10 to 73 bytes


def _full(budget: int = 30, now: float = 0.0) -> Cache:
    """A, b and c of ten bytes each, which came in that order, at `now`."""
    cache = Cache(budget)
    for place, name in enumerate("abc"):
        cache.admit(name, 10, 0.0, now + place / 10)
    return cache


def test_the_one_that_was_not_used_for_longest_leaves() -> None:
    """When it was used counts, not when it came; and no more leave than must."""
    cache = _full()
    cache.use("a", 5.0)
    assert cache.room(10, 9.0, NOBODY) == Room(("b",))
    assert set(cache.room(20, 9.0, NOBODY).leaving) == {"b", "c"}


def test_who_need_not_leave_is_spared() -> None:
    """Where a larger one leaves anyway, smaller ones may stay: those used last."""
    cache = Cache(100)
    for place, (name, size) in enumerate((("small", 10), ("tiny", 5), ("large", 60), ("new", 25))):
        cache.admit(name, size, 0.0, place / 10)
    assert cache.room(55, 9.0, NOBODY).leaving == ("large",)


def test_what_is_in_use_stays() -> None:
    """How long that goes on is not known: ask again."""
    cache = _full()
    assert cache.room(10, 9.0, {"a"}) == Room(("b",))
    assert cache.room(30, 9.0, {"c"}) == Room(ask_again=10.0)


def test_what_has_just_come_stays() -> None:
    """For a second, or twice as long as it took to load; whoever needs its place hears when that is over."""
    cache = Cache(30)
    cache.admit("quick", 10, 0.01, 0.0)
    cache.admit("slow", 10, 4.0, 0.0)
    cache.admit("third", 10, 0.0, 0.2)
    assert cache.room(10, 0.9, NOBODY) == Room(ask_again=1.0)
    assert cache.room(20, 0.9, NOBODY) == Room(ask_again=1.2)
    assert cache.room(30, 0.9, NOBODY) == Room(ask_again=8.0)
    assert set(cache.room(20, 1.5, NOBODY).leaving) == {"quick", "third"}


def test_what_is_larger_than_the_budget_never_fits() -> None:
    """Nobody leaves for it."""
    assert _full().room(31, 9.0, NOBODY) == Room(ask_again=math.inf)


def test_what_the_process_takes_beside_them_counts() -> None:
    """Some leave for it; but not all, whatever it is."""
    cache = _full(budget=32)
    assert cache.room(0, 9.0, NOBODY) == Room()
    cache.overhead = 5
    assert cache.room(0, 9.0, NOBODY) == Room(("a",))
    cache.overhead = 1000
    assert cache.room(0, 9.0, NOBODY) == Room(("a",))
    assert set(cache.room(14, 9.0, NOBODY).leaving) == {"a", "b"}


def test_what_fits_by_itself_is_not_kept_out_by_what_the_process_takes() -> None:
    """It has all of the budget if it must, while it loads and after."""
    cache = _full(budget=32)
    cache.overhead = 1000
    assert set(cache.room(32, 9.0, NOBODY).leaving) == {"a", "b", "c"}
    for each in "abc":
        cache.remove(each)
    cache.admit("large", 32, 0.0, 10.0)
    assert cache.room(0, 20.0, NOBODY) == Room()
    assert cache.room(1, 20.0, NOBODY) == Room(("large",))


def test_what_has_left_leaves_room() -> None:
    """Also what was taken off the account for another reason."""
    cache = _full()
    cache.remove("b")
    cache.remove("unheard of")
    assert (cache.room(10, 0.3, NOBODY), cache.size, list(cache.stays)) == (Room(), 20, ["a", "c"])


class _Visits(RuleBasedStateMachine):
    """Callers come and go as they please; the cache is asked, and obeyed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.in_use: set[str] = set()
        self.came: dict[str, tuple[float, float]] = {}  # when, and after how long a load

    @initialize(budget=st.integers(20, 250))
    def begin(self, budget: int) -> None:
        self.cache = Cache(budget)

    @rule(overhead=st.integers(0, 250))
    def grow(self, overhead: int) -> None:
        self.cache.overhead = overhead

    @rule(seconds=st.floats(0.0, 5.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=NAMES)
    def call(self, name: str) -> None:
        if name in self.cache.stays:
            self.cache.use(name, self.now)
            self.in_use.add(name)

    @rule(name=NAMES)
    def answer(self, name: str) -> None:
        self.in_use.discard(name)

    @rule(name=NAMES, load_seconds=st.floats(0.0, 3.0), peak=st.integers(0, 20))
    def load(self, name: str, load_seconds: float, peak: int) -> None:
        if name in self.cache.stays:
            return
        needed = SIZES[name] + peak
        room = self.cache.room(needed, self.now, self.in_use)
        if not room.is_there:
            assert room.ask_again > self.now
            assert math.isinf(room.ask_again) == (needed > self.cache.budget)
            return
        stays = self.cache.stays
        oldest = max((stays[each].used for each in room.leaving), default=0.0)
        for each in room.leaving:
            came, took = self.came[each]
            assert each not in self.in_use
            assert self.now >= came + 2 * took
            assert self.now >= came + 1.0
            self.cache.remove(each)
        assert self.cache.size + needed <= self.cache.budget  # also while it loads
        for each in room.leaving:  # none of them left in vain
            assert self.cache.size + stays[each].size + needed > self.cache.budget * 3 // 4
        spared = [stay for each, stay in self.cache.stays.items() if each not in self.in_use and stay.until <= self.now]
        assert all(stay.used >= oldest or stay.size < max(stays[each].size for each in room.leaving) for stay in spared)
        self.now += load_seconds
        self.cache.admit(name, SIZES[name], load_seconds, self.now)
        self.came[name] = self.now, load_seconds

    @precondition(lambda self: self.cache.stays)
    @rule()
    def come_back_in_time(self) -> None:
        """Whoever comes when he was told to finds room, if nobody is in use any more."""
        self.in_use.clear()
        room = self.cache.room(self.cache.budget, self.now, NOBODY)
        if not room.is_there:
            assert self.cache.room(self.cache.budget, room.ask_again, NOBODY).is_there

    @invariant()
    def is_within_budget(self) -> None:
        if hasattr(self, "cache"):
            assert self.cache.size <= self.cache.budget
            assert self.in_use <= self.cache.stays.keys()


TestVisits = _Visits.TestCase
TestVisits.__doc__ = (
    "Nothing in use leaves, and nothing that has just come; the budget holds, also while a version loads."
)
TestVisits.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
