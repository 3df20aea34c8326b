"""Does a version do worse than the one it came after? A canary, or a version in Production while it bakes. Pure.

Each look at the counters adds to the evidence of five tests (`evidence.py` says what they are): faults and invalid
answers, both only where the other version answers the same request well; latency; quality on labels; and, for want of
a control, bad answers by themselves. Each may have a fifth of the false alarms that are allowed in all. What is sure
but small convicts nobody.

The time to an answer depends on an arm's share of the traffic: the larger arm's requests wait for each other, those of
the smaller one share no work. So latency counts only where both the time to the answer and a request's own work are
longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cuelight.serving.counts import Counts, Histogram
from cuelight.serving.evidence import Evidence, Tally
from cuelight.serving.standing import Standing

_USUALLY = 0.95  # of the control's requests are no slower than the edge above which one is slow
_MOST_PER_LOOK = 5  # requests of an arm that count for latency in one look: what is slow in one moment is slow together
_LEAST_LABELS = 30
_SILENT_SECONDS = 10.0
_GROSS, _TIMES = 0.5, 2.0


class Signal(StrEnum):
    """What can speak against a version."""

    FAULTS = "faults"
    INVALID = "invalid answers"
    LATENCY = "latency"
    QUALITY = "quality"
    ALONE = "bad answers"
    SILENCE = "silence"


# By how much the candidate's share of bad ones must be above the control's, however sure it is that it is above.
_MARGINS = {Signal.FAULTS: 0.01, Signal.INVALID: 0.01, Signal.LATENCY: 0.1, Signal.QUALITY: 0.02, Signal.ALONE: 0.0}
_TESTS = len(_MARGINS)


@dataclass(frozen=True)
class Rule:
    """What it takes to say something.

    `false_alarms`: of all bakes of a version that is no worse, the share that may end in a rollback. `least`: answers
    of each arm before it is called worse; `enough`: before it is called fine. `tolerated`: share of bad answers that is
    no reason to go back where no control shows that it is this version's doing.
    """

    false_alarms: float = 0.01
    least: int = 10
    enough: int = 100
    tolerated: float = 0.02


@dataclass(frozen=True)
class Verdict:
    """How a version stands, and why, in one sentence; `signal` is what convicts it."""

    standing: Standing
    reason: str
    signal: Signal | None = None


@dataclass(frozen=True)
class Bake:
    """What version `candidate` and version `control` answered side by side since it began, and what that says.

    `before`: how the control did in Production until then. `share`: percent of the callers that one arm has; 0 where
    there is but one. `mark`: what candidate and control had answered when the share last changed.
    """

    candidate: int
    control: int
    rule: Rule = Rule()
    before: Tally = Tally()
    share: float = 0.0
    ours: Counts = Counts()
    theirs: Counts = Counts()
    mark: tuple[int, int] = (0, 0)
    faults: Evidence = Evidence()
    invalid: Evidence = Evidence()
    quality: Evidence = Evidence()
    alone: Evidence = Evidence()
    slow: Evidence = Evidence()
    costly: Evidence = Evidence()
    silent_since: float | None = None

    def after(self, ours: Counts, theirs: Counts, share: float, now: float) -> Bake:
        """With one more look at what the candidate (`ours`) and the control (`theirs`) answered since the last."""
        bad = Tally(ours.answered, min(ours.answered, ours.faults + ours.invalid))
        return replace(
            self,
            share=share,
            mark=self.mark if share == self.share else (self.ours.answered, self.theirs.answered),
            ours=self.ours + ours,
            theirs=self.theirs + theirs,
            faults=self.faults.after(_bad(theirs, theirs.faults), _bad(ours, ours.faults)),
            invalid=self.invalid.after(_bad(theirs, theirs.invalid), _bad(ours, ours.invalid)),
            quality=self.quality.after(Tally(theirs.labelled, theirs.wrong), Tally(ours.labelled, ours.wrong)),
            alone=self.alone.after_alone(bad, self.usual),
            slow=_timed(self.slow.log, (self.theirs.seconds, self.ours.seconds), (theirs.seconds, ours.seconds)),
            costly=_timed(self.costly.log, (self.theirs.work, self.ours.work), (theirs.work, ours.work)),
            silent_since=_silence(self.silent_since, ours, now),
        )

    @property
    def usual(self) -> float:
        """The share of bad answers that, by itself, says nothing against the candidate.

        Half of all, where a control says more; else well above what the version before had, in its time and where it
        was asked what the candidate had failed on.
        """
        if self.share:
            return _GROSS
        asked_too = Tally(self.ours.failed, max(0, self.ours.failed - self.ours.faults))
        return min(_GROSS, max(self.rule.tolerated, _TIMES * (self.before + asked_too).at_most))

    def verdict(self, now: float) -> Verdict:
        """What can be said now."""
        for signal, evidence in self._signals():
            if self._convicts(signal, evidence):
                return Verdict(Standing.WORSE, self._charge(signal, evidence), signal)
        if self.silent_since is not None and now - self.silent_since >= _SILENT_SECONDS:
            reason = f"Version {self.candidate} has answered nobody for {now - self.silent_since:.0f} s"
            return Verdict(Standing.WORSE, f"{reason}, and kept callers waiting.", Signal.SILENCE)
        return self._acquittal()

    def figures(self) -> dict[str, Any]:
        """What it rests on, for the history."""
        return {
            "answered": [self.ours.answered, self.theirs.answered],
            "faults": [self.ours.faults, self.theirs.faults],
            "invalid": [self.ours.invalid, self.theirs.invalid],
            "labelled": [self.ours.labelled, self.theirs.labelled],
            "wrong": [self.ours.wrong, self.theirs.wrong],
            "slow": [self.slow.candidate.bad, self.slow.control.bad],
            "evidence": {signal.value: round(each.log / math.log(10), 2) for signal, each in self._signals()},
        }

    def _signals(self) -> Iterator[tuple[Signal, Evidence]]:
        yield Signal.FAULTS, self.faults
        yield Signal.INVALID, self.invalid
        yield Signal.LATENCY, min(self.slow, self.costly, key=lambda each: each.log)
        yield Signal.QUALITY, self.quality
        yield Signal.ALONE, self.alone

    def _convicts(self, signal: Signal, evidence: Evidence) -> bool:
        least = max(self.rule.least, _LEAST_LABELS) if signal == Signal.QUALITY else self.rule.least
        arms = [evidence.candidate] if signal == Signal.ALONE else [evidence.candidate, evidence.control]
        if any(each.total < least for each in arms):
            return False
        above = evidence.candidate.rate - evidence.control.rate
        if signal == Signal.LATENCY:
            above = min(each.candidate.rate - each.control.rate for each in (self.slow, self.costly))
        return above >= _MARGINS[signal] and evidence.convicts(self.rule.false_alarms / _TESTS)

    def _charge(self, signal: Signal, evidence: Evidence) -> str:
        mine, other = _share(evidence.candidate), _share(evidence.control)
        if signal == Signal.ALONE:
            return f"Version {self.candidate} failed or gave no valid answer on {mine} requests{self._history()}."
        did = {
            Signal.FAULTS: "failed on",
            Signal.INVALID: "gave no valid answer on",
            Signal.LATENCY: "was slow on",
            Signal.QUALITY: "was wrong on",
        }[signal]
        what = "labelled rows" if signal == Signal.QUALITY else "requests"
        return f"Version {self.candidate} {did} {mine} {what}, version {self.control} at the same time on {other}."

    def _history(self) -> str:
        return f", version {self.control} before it on {_share(self.before)}" if self.before.total else ""

    def _acquittal(self) -> Verdict:
        ours, theirs = self.ours.answered - self.mark[0], self.theirs.answered - self.mark[1]
        shown = f"{ours} requests" + (f" beside {theirs} of version {self.control}" if self.share else "")
        if ours >= self.rule.enough and (not self.share or theirs >= self.rule.enough):
            return Verdict(Standing.FINE, f"Version {self.candidate} does no worse, by {shown}.")
        reason = f"Too little to tell of version {self.candidate}: {shown}; {self.rule.enough} of each are enough."
        return Verdict(Standing.NOT_ENOUGH, reason)


def _bad(counts: Counts, bad: int) -> Tally:
    return Tally(counts.answered, min(counts.answered, bad))


def _timed(log: float, past: tuple[Histogram, Histogram], look: tuple[Histogram, Histogram]) -> Evidence:
    """Evidence on who is above the edge that the control was nearly always below; both pairs are control, candidate."""
    edge = past[0].edge(_USUALLY) if past[0].total else len(past[0].edges)
    control, candidate = (each.above(edge) for each in look)
    weight = min(1.0, _MOST_PER_LOOK / max(control.total, candidate.total, 1))
    return Evidence(past[0].above(edge), past[1].above(edge), log).after(control, candidate, weight)


def _silence(since: float | None, ours: Counts, now: float) -> float | None:
    """Since when the candidate has kept callers waiting and answered none."""
    if ours.answered:
        return None
    return now if since is None and ours.refused else since


def _share(tally: Tally) -> str:
    return f"{tally.bad} of {tally.total} ({tally.rate:.1%})"
