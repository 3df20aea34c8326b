"""When a version is called worse than the one before it: how often in vain, and how soon where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cuelight.serving.bake import Bake, Rule, Signal
from cuelight.serving.counts import Counts, Histogram
from cuelight.serving.evidence import Tally
from cuelight.serving.standing import Standing
from tests.support.bakes import Arm, play

BAKES = 500
SECONDS = 180


@pytest.mark.parametrize(
    ("arm", "rate", "share", "rough"),
    [
        (Arm(), 2, 0.1, False),
        (Arm(faults=0.05, labelled=0.5), 2, 0.5, False),
        (Arm(labelled=0.3), 2, 0.9, True),
        (Arm(faults=0.01), 2, 1.0, False),
    ],
    ids=["canary", "faulty, labelled", "control, rough times", "alone"],
)
def test_equals_are_rarely_told_apart(arm: Arm, rate: float, share: float, rough: bool) -> None:
    """Of 500 bakes at most one in a hundred ends in a rollback, within what chance allows: whatever the share."""
    generator = np.random.default_rng(11)
    ends = [play(generator, arm, arm, rate, share, SECONDS, look=3.0, rough=rough) for _ in range(BAKES)]
    alarms = sum(each.standing == Standing.WORSE for each in ends)
    assert alarms <= BAKES * 0.01 + 3 * math.sqrt(BAKES * 0.01)


@pytest.mark.parametrize(
    ("worse", "signal", "share", "most"),
    [
        (Arm(faults=1.0), Signal.FAULTS, 0.1, 25),
        (Arm(faults=0.2), Signal.FAULTS, 0.5, 120),
        (Arm(faults=0.05), Signal.FAULTS, 0.5, 700),
        (Arm(faults=0.2), Signal.ALONE, 1.0, 120),
        (Arm(invalid=0.3), Signal.INVALID, 0.5, 120),
        (Arm(seconds=0.04), Signal.LATENCY, 0.5, 600),
        (Arm(wrong=0.5, labelled=1.0), Signal.QUALITY, 0.5, 250),
    ],
    ids=lambda each: str(each) if isinstance(each, Signal) else "",
)
def test_what_is_worse_is_found(worse: Arm, signal: Signal, share: float, most: int) -> None:
    """In nine of ten bakes before the candidate has answered so many requests, by what it is worse in."""
    generator = np.random.default_rng(12)
    usual = Arm(labelled=worse.labelled)
    ends = [play(generator, usual, worse, 10, share, 3600) for _ in range(30)]
    assert sorted(each.candidate for each in ends)[27] <= most
    assert sum(each.signal in (signal, Signal.ALONE) for each in ends) >= 27


def test_better_is_never_worse() -> None:
    """Quicker, with fewer faults."""
    end = play(np.random.default_rng(13), Arm(faults=0.3, seconds=0.1), Arm(), 20, 0.5, 600)
    assert (end.standing, end.signal) == (Standing.FINE, None)


def _bake(ours: Counts, theirs: Counts, share: float = 50.0, **more: object) -> Bake:
    bake = Bake(2, 1, share=share)
    for now in range(1, 4):
        bake = bake.after(ours, theirs, share, float(now))
    return bake


def test_too_little_is_neither_fine_nor_worse() -> None:
    """A few faults of a few requests are no verdict; nor are a few good answers."""
    few = _bake(Counts(answered=3, faults=3), Counts(answered=3))
    assert few.verdict(4.0).standing == Standing.NOT_ENOUGH
    good = _bake(Counts(answered=30), Counts(answered=300)).verdict(4.0)
    assert good.standing == Standing.NOT_ENOUGH
    assert good.reason == (
        "Too little to tell of version 2: 90 requests beside 900 of version 1; 100 of each are enough."
    )


def test_fine_is_said_of_the_present_share() -> None:
    """What was answered before it was raised says less than what comes now."""
    bake = _bake(Counts(answered=100), Counts(answered=100), 10.0)
    assert bake.verdict(4.0).standing == Standing.FINE
    raised = bake.after(Counts(answered=10), Counts(answered=10), 25.0, 5.0)
    assert raised.verdict(5.0).standing == Standing.NOT_ENOUGH


def test_a_sure_but_small_difference_convicts_nobody() -> None:
    """Half a percent more faults, after a million requests."""
    bake = _bake(Counts(answered=300_000, faults=3_000), Counts(answered=300_000, faults=1_500))
    assert bake.faults.convicts(1e-9)
    assert bake.verdict(4.0).standing == Standing.FINE


def test_the_charge_says_what_was_seen() -> None:
    """With counts and shares of both."""
    bake = _bake(Counts(answered=100, faults=20), Counts(answered=50), share=50.0)
    verdict = bake.verdict(4.0)
    assert (
        verdict.reason
        == "Version 2 failed on 60 of 300 (20.0%) requests, version 1 at the same time on 0 of 150 (0.0%)."
    )


def test_faults_that_the_version_before_had_too_are_no_reason_without_a_control() -> None:
    """Far more than it had are."""
    usual = Tally(1000, 60)
    bake = Bake(2, 1, before=usual)
    for now in range(1, 50):
        bake = bake.after(Counts(answered=10, failed=1, faults=1), Counts(), 0.0, float(now))
    assert bake.verdict(50.0).standing == Standing.FINE
    for now in range(50, 100):
        bake = bake.after(Counts(answered=10, failed=6, faults=6), Counts(), 0.0, float(now))
    assert bake.verdict(100.0).signal == Signal.ALONE


def test_a_version_that_answers_nobody_is_silent() -> None:
    """Once ten seconds have passed in which it only kept callers waiting; one answer ends it."""
    waiting = Bake(2, 1).after(Counts(refused=5), Counts(), 0.0, 1.0)
    assert waiting.verdict(5.0).standing == Standing.NOT_ENOUGH
    assert waiting.after(Counts(refused=5), Counts(), 0.0, 11.5).verdict(11.5).signal == Signal.SILENCE
    assert waiting.after(Counts(answered=1, refused=50), Counts(), 0.0, 11.5).verdict(11.5).signal is None


def test_waiting_for_each_other_is_not_being_slow() -> None:
    """The larger arm's requests take longer to be answered, but no more work."""
    quick, late = Histogram((0.001, 0.1), (100, 0, 0)), Histogram((0.001, 0.1), (0, 0, 100))
    queued = _bake(Counts(answered=100, seconds=late, work=quick), Counts(answered=100, seconds=quick, work=quick))
    for now in range(5, 60):
        queued = queued.after(
            Counts(answered=100, seconds=late, work=quick), Counts(answered=100, seconds=quick, work=quick), 50.0, now
        )
    assert queued.slow.convicts(1e-6)
    assert queued.verdict(60.0).standing == Standing.FINE


def test_a_rule_can_be_stricter() -> None:
    """Fewer false alarms cost requests."""
    ends = [
        play(np.random.default_rng(14), Arm(), Arm(faults=0.1), 10, 0.5, 3600, rule=Rule(false_alarms=share))
        for share in (0.05, 1e-6)
    ]
    assert ends[0].candidate < ends[1].candidate
