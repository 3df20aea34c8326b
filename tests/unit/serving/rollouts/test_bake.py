"""When a version is called worse than the one before it: how often in vain, and how soon where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.rollbacks.bakes import Version, World, play
from cuelight.serving.rollouts.bake import Bake, Rule, Signal
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.standing import Standing

BAKES = 200
SECONDS = 180


@pytest.mark.parametrize(
    ("world", "version"),
    [
        (World(rate=2, share=0.1), Version()),
        (World(rate=2, share=0.95, shaky=0.05, heavy=0.3), Version(faults=0.05)),
        (World(rate=2, share=0.5, shaky=0.3, labelled=0.5), Version()),
        (World(rate=2, share=1.0, rough=True), Version(invalid=0.02)),
    ],
    ids=["canary", "heavy caller", "shaky, labelled", "alone, rough"],
)
def test_equals_are_rarely_told_apart(world: World, version: Version) -> None:
    """Of 200 bakes at most one in a hundred ends in a rollback, within what chance allows: whatever happens to both."""
    generator = np.random.default_rng(11)
    ends = [play(generator, world, version, SECONDS, version, look=3.0) for _ in range(BAKES)]
    alarms = sum(each.standing == Standing.WORSE for each in ends)
    assert alarms <= BAKES * 0.01 + 3 * math.sqrt(BAKES * 0.01)


@pytest.mark.parametrize(
    ("worse", "signal", "share", "most"),
    [
        (Version(faults=1.0), Signal.BAD, 0.1, 25),
        (Version(faults=0.2), Signal.BAD, 0.5, 100),
        (Version(faults=0.05), Signal.BAD, 0.5, 400),
        (Version(faults=0.05), Signal.BAD, 1.0, 400),
        (Version(shaky=0.2), Signal.BAD, 1.0, 150),
        (Version(invalid=0.3), Signal.BAD, 0.5, 80),
        (Version(seconds=0.008), Signal.LATENCY, 1.0, 200),
        (Version(wrong=0.5), Signal.QUALITY, 0.5, 250),
    ],
    ids=lambda each: str(each) if isinstance(each, Signal) else "",
)
def test_what_is_worse_is_found(worse: Version, signal: Signal, share: float, most: int) -> None:
    """In nine of ten bakes before the candidate has answered so many requests, by what it is worse in."""
    generator = np.random.default_rng(12)
    world = World(share=share, labelled=float(signal == Signal.QUALITY))
    ends = [play(generator, world, worse, 3600) for _ in range(30)]
    assert sorted(each.candidate for each in ends)[27] <= most
    assert sum(each.signal == signal for each in ends) >= 27


def test_better_is_never_worse() -> None:
    """Quicker, with fewer faults."""
    usual = Version(faults=0.3, seconds=0.1)
    end = play(np.random.default_rng(13), World(rate=20), Version(), 600, usual)
    assert (end.standing, end.signal) == (Standing.FINE, None)


def test_a_rule_can_be_stricter() -> None:
    """Fewer false alarms cost requests."""
    ends = [
        play(np.random.default_rng(14), World(), Version(faults=0.1), 3600, rule=Rule(false_alarms=share))
        for share in (0.05, 1e-6)
    ]
    assert ends[0].candidate < ends[1].candidate


def _bake(ours: Counts, theirs: Counts, share: float = 50.0) -> Bake:
    bake = Bake(2, 1, share=share)
    for now in range(1, 4):
        bake = bake.after(ours, theirs, share, float(now))
    return bake


def test_too_little_is_neither_fine_nor_worse() -> None:
    """A few faults of a few requests are no verdict; nor are a few good answers."""
    few = _bake(Counts(answered=3, failed=3, worse=3), Counts(answered=3))
    assert few.verdict().standing == Standing.NOT_ENOUGH
    good = _bake(Counts(answered=30), Counts(answered=300)).verdict()
    assert good.standing == Standing.NOT_ENOUGH
    assert good.reason == (
        "Too little to tell of version 2: 90 requests beside 900 of version 1; 100 of each are enough."
    )


def test_fine_is_said_of_the_present_share() -> None:
    """What was answered before it was raised says less than what comes now."""
    bake = _bake(Counts(answered=100), Counts(answered=100), 10.0)
    assert bake.verdict().standing == Standing.FINE
    raised = bake.after(Counts(answered=10), Counts(answered=10), 25.0, 5.0)
    assert raised.verdict().standing == Standing.NOT_ENOUGH


@pytest.mark.parametrize(
    "seen",
    [
        Counts(answered=30_000, failed=100, worse=100),
        Counts(answered=30_000, slower=20, even=300),
        Counts(answered=30_000, labelled=30_000, wrong=6_300),
    ],
)
def test_a_sure_but_small_difference_convicts_nobody(seen: Counts) -> None:
    """A third of a percent more faults, one request in sixteen slower, one percent more wrong."""
    bake = _bake(seen, Counts(answered=30_000, labelled=30_000, wrong=6_000))
    assert max(bake.figures()["evidence"].values()) > 3
    assert bake.verdict().standing == Standing.FINE


def test_labels_that_change_their_mind_count_once() -> None:
    """Rows that were right, and then are not, without a row that is new: no look has more wrong ones than rows."""
    bake = _bake(Counts(answered=50, labelled=50, wrong=5), Counts(answered=50, labelled=50, wrong=5))
    known = bake.quality
    changed = bake.after(Counts(wrong=50), Counts(), 50.0, 5.0)
    assert changed.quality.log == known.log
    assert changed.after(Counts(), Counts(labelled=1), 50.0, 6.0).quality.log == pytest.approx(known.log)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (
            Counts(answered=100, failed=15, invalid=5, worse=5),
            Counts(answered=50, worse=1),
            "Version 2 failed or gave no valid answer on 60 of 300 (20.0%) requests; "
            "of those asked of both, version 1 did better on 15, and worse on 3.",
        ),
        (
            Counts(answered=100, slower=8, even=1),
            Counts(answered=50, even=2),
            "Of 33 requests asked of both, version 2 took far longer on 24, version 1 on 0.",
        ),
        (
            Counts(answered=100, labelled=100, wrong=50),
            Counts(answered=100, labelled=50, wrong=5),
            "Version 2 was wrong on 150 of 300 (50.0%) labelled rows, version 1 at the same time on 15 of 150 (10.0%).",
        ),
    ],
)
def test_the_charge_says_what_was_seen(ours: Counts, theirs: Counts, reason: str) -> None:
    """With counts and shares."""
    bake = Bake(2, 1, Rule(false_alarms=0.5), share=50.0)
    for now in range(1, 4):
        bake = bake.after(ours, theirs, 50.0, float(now))
    assert bake.verdict().reason == reason


def test_a_version_that_answers_nobody_is_silent() -> None:
    """Once it has refused callers for longer than any may wait; one answer ends it."""
    waiting = Bake(2, 1).after(Counts(refused=5), Counts(), 0.0, 1.0)
    assert waiting.verdict().standing == Standing.NOT_ENOUGH
    assert waiting.after(Counts(refused=5), Counts(), 0.0, 31.5).verdict().signal == Signal.SILENCE
    assert waiting.after(Counts(answered=1, refused=50), Counts(), 0.0, 31.5).verdict().signal is None


def test_a_pause_is_no_silence() -> None:
    """One busy moment, and nobody who asks for a while."""
    bake = Bake(2, 1).after(Counts(refused=50), Counts(), 0.0, 1.0)
    for now in range(2, 100):
        bake = bake.after(Counts(), Counts(), 0.0, float(now))
    assert bake.verdict().signal is None
    assert (
        bake.after(Counts(answered=1), Counts(), 0.0, 101.0)
        .after(Counts(refused=50), Counts(), 0.0, 102.0)
        .verdict()
        .signal
        is None
    )
