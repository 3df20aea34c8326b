"""Bakes played in fast time: two arms that answer as chance has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuelight.serving.bake import Bake, Rule, Signal
from cuelight.serving.counts import Counts, Histogram
from cuelight.serving.evidence import Tally
from cuelight.serving.standing import Standing

EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Arm:
    """How an arm answers: shares of faults, invalid answers and wrong labels; median seconds, and spread of their log.

    `labelled`: share of its answers for which a label comes.
    """

    faults: float = 0.001
    invalid: float = 0.0
    seconds: float = 0.004
    spread: float = 0.6
    wrong: float = 0.2
    labelled: float = 0.0

    def answers(self, number: int, generator: np.random.Generator, busy: float = 1.0) -> Counts:
        """What `number` requests make of the counters, where all takes `busy` times as long as usual."""
        faults = int(generator.binomial(number, self.faults))
        labelled = int(generator.binomial(number, self.labelled))
        seconds = busy * self.seconds * np.exp(self.spread * generator.standard_normal(number))
        return Counts(
            answered=number,
            failed=faults,
            faults=faults,
            invalid=int(generator.binomial(number - faults, self.invalid)),
            seconds=_histogram(seconds),
            work=_histogram(seconds / 2),
            labelled=labelled,
            wrong=int(generator.binomial(labelled, self.wrong)),
        )


def _histogram(seconds: np.ndarray) -> Histogram:
    places = np.searchsorted(EDGES, seconds)
    return Histogram(EDGES, tuple(int(each) for each in np.bincount(places, minlength=len(EDGES) + 1)))


@dataclass(frozen=True)
class End:
    """How a bake ended: by which signal and after how many requests of the candidate and in all, or without one."""

    signal: Signal | None
    candidate: int
    requests: int
    seconds: float
    standing: Standing


def play(
    generator: np.random.Generator,
    usual: Arm,
    new: Arm,
    rate: float,
    share: float,
    seconds: float,
    look: float = 1.0,
    rule: Rule | None = None,
    rough: bool = False,
) -> End:
    """One bake at `rate` requests a second, of which the candidate has `share` (1: all, without a control).

    `rough`: some minutes in which everything fails more often and takes longer, as a busy neighbour makes it.
    """
    before = Tally(1000, int(generator.binomial(1000, usual.faults)))
    bake = Bake(2, 1, rule or Rule(), before, 100 * min(share, 1 - share))
    now = 0.0
    while now < seconds:
        now += look
        bad_times = rough and (now // 60) % 5 == 2
        busy = (8.0 if bad_times else 1.0) * float(np.exp(0.3 * generator.standard_normal()))
        number = int(generator.poisson(rate * look))
        ours = int(generator.binomial(number, share))
        bake = bake.after(
            _worse(new, bad_times).answers(ours, generator, busy),
            _worse(usual, bad_times).answers(number - ours, generator, busy),
            bake.share,
            now,
        )
        verdict = bake.verdict(now)
        if verdict.standing == Standing.WORSE:
            break
    return End(verdict.signal, bake.ours.answered, bake.ours.answered + bake.theirs.answered, now, verdict.standing)


def _worse(arm: Arm, bad_times: bool) -> Arm:
    if not bad_times:
        return arm
    return Arm(min(1.0, arm.faults + 0.2), arm.invalid, arm.seconds, arm.spread, arm.wrong, arm.labelled)
