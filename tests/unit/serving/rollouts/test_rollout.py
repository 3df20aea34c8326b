"""When a rollout goes up, waits, and stops."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.registry.model import VersionId
from cuelight.registry.rollout import Plan
from cuelight.serving.rollouts.rollout import Walk, begin, step
from cuelight.serving.rollouts.standing import Standing

TWO = VersionId("m", 2, 2, "s")
PLAN = Plan((5.0, 25.0, 50.0, 100.0), 600)
T0 = 1_700_000_000.0  # 2023-11-14T22:13:20Z
FINE, NOT_ENOUGH, WORSE = Standing.FINE, Standing.NOT_ENOUGH, Standing.WORSE

_PLANS = st.builds(
    lambda shares, seconds: Plan(tuple(sorted(shares)), seconds),
    st.lists(st.sampled_from([1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0]), min_size=1, max_size=5, unique=True),
    st.integers(1, 1000),
)
_LOOKS = st.lists(st.tuples(st.integers(-2000, 5000), st.sampled_from(Standing)), max_size=40)


def _at(number: int, plan: Plan = PLAN, since: float = T0) -> Walk:
    return Walk(TWO, plan, number, since, "why")


def test_a_rollout_goes_up_while_its_checks_pass() -> None:
    """The first share at once; each share its whole time; at the end it stays and says that a person may go on."""
    walk, now = begin(TWO, PLAN, T0), T0
    shares = [walk.share]
    for _ in range(3):
        early, _ = step(walk, PLAN, FINE, now + 599)
        assert early == walk
        now += 600
        walk, says = step(walk, PLAN, FINE, now)
        assert walk.since == now
        shares.append(walk.share)
    assert shares == [5.0, 25.0, 50.0, 100.0]
    assert says.startswith("step 4 of 4, 100 % since 2023-11-14T22:43:20Z: the end from 2023-11-14T22:53:20Z on")
    for later in (now + 600, now + 10_000):
        walk, _ = step(walk, PLAN, FINE, later)
    walk, says = step(walk, PLAN, NOT_ENOUGH, later)
    assert (walk.share, walk.ended) == (100.0, True)
    assert says.endswith("all its checks passed, it may be promoted now")


@pytest.mark.parametrize(
    ("standing", "later", "says"),
    [
        (FINE, 10, "25 % from 2023-11-14T22:23:20Z on, if its checks pass"),
        (NOT_ENOUGH, 10, "25 % from 2023-11-14T22:23:20Z on, if its checks pass"),
        (NOT_ENOUGH, 600, "it waits, there is too little traffic yet to tell"),
        (NOT_ENOUGH, 1e6, "it waits, there is too little traffic yet to tell"),
        (WORSE, 10, "its checks found it worse, it goes no further"),
        (WORSE, 600, "its checks found it worse, it goes no further"),
    ],
)
def test_what_it_waits_for_is_said(standing: Standing, later: float, says: str) -> None:
    """Its time, more traffic, or a person; in words that don't change while nothing does."""
    walk = _at(0)
    assert step(walk, PLAN, standing, T0 + later) == (walk, f"step 1 of 4, 5 % since 2023-11-14T22:13:20Z: {says}")


@given(_PLANS, _LOOKS)
def test_no_share_is_skipped_and_none_is_reached_without_leave(plan: Plan, looks: list[tuple[int, Standing]]) -> None:
    """Whatever the clock does: one share at a time, never down, up only where its checks are fine and its time over."""
    now, walk = T0, begin(TWO, plan, T0)
    for passed, standing in looks:
        now += passed
        before = walk
        walk, _ = step(walk, plan, standing, now)
        assert walk.step - before.step in (0, 1)
        assert walk.share >= before.share
        assert walk.since <= now
        if walk.step > before.step:
            assert standing is FINE
            assert now - before.since >= plan.seconds


@given(_PLANS, st.lists(st.integers(0, 5000), min_size=1, max_size=20))
def test_time_at_each_share_is_never_short(plan: Plan, passed: list[int]) -> None:
    """Of the moments at which a walk went up, no two are nearer than the plan's time."""
    now, walk, ups = T0, begin(TWO, plan, T0), [T0]
    for seconds in passed:
        now += seconds
        last, (walk, _) = walk, step(walk, plan, FINE, now)
        if walk.step > last.step:
            ups.append(now)
    assert all(later - earlier >= plan.seconds for earlier, later in pairwise(ups))


@pytest.mark.parametrize("standing", Standing)
def test_a_clock_that_is_set_back_costs_one_more_term(standing: Standing) -> None:
    """It does not wait for the year that was there before."""
    walk, _ = step(_at(1, since=T0 + 1e9), PLAN, standing, T0)
    assert (walk.step, walk.since) == (1, T0)


def test_a_clock_that_is_set_ahead_brings_one_share_at_most() -> None:
    """And that one only with checks that are fine; the next one has its whole time again."""
    walk, _ = step(_at(0), PLAN, FINE, T0 + 1e9)
    assert walk.share == 25.0
    assert step(walk, PLAN, FINE, T0 + 1e9 + 1)[0] == walk


@pytest.mark.parametrize(
    ("shares", "place", "since"),
    [
        ((10.0, 25.0, 100.0), 1, T0),  # the same share: its time goes on
        ((5.0, 30.0, 60.0), 1, T0 + 60),
        ((1.0, 2.0, 99.0), 2, T0 + 60),
        ((1.0, 10.0), 1, T0 + 60),  # all are below: less was asked for
    ],
)
def test_a_plan_that_is_changed_goes_on_where_it_is(shares: tuple[float, ...], place: int, since: float) -> None:
    """At the nearest share that is not below."""
    plan = Plan(shares, 600)
    walk, _ = step(_at(1), plan, NOT_ENOUGH, T0 + 60)
    assert (walk.plan, walk.share, walk.since) == (plan, shares[place], since)


@given(_PLANS, _PLANS, st.integers(0, 5), st.sampled_from(Standing))
def test_a_changed_plan_never_goes_down_unless_less_is_asked_for(
    old: Plan, new: Plan, number: int, standing: Standing
) -> None:
    """Less is asked for where the new plan has no share as high as the present one."""
    before = _at(min(number, len(old.shares)), old)
    walk, _ = step(before, new, standing, T0)
    assert walk.share >= min(before.share, new.shares[-1])
    assert all(share >= walk.share or share < before.share for share in new.shares)


def test_a_longer_plan_takes_an_ended_walk_further() -> None:
    """What stayed at its last share goes on with the next."""
    ended = _at(2, Plan((5.0, 25.0), 600))
    assert ended.ended
    walk, _ = step(ended, Plan((5.0, 25.0, 50.0), 600), NOT_ENOUGH, T0 + 900)
    assert (walk.share, walk.ended) == (25.0, False)
    walk, _ = step(walk, walk.plan, FINE, T0 + 900)
    assert walk.share == 50.0
