"""Does a version do worse than the one it came after? A canary, or a version in Production while it bakes. Pure.

Each look at the counters adds to the evidence of three tests (`evidence.py` says what they are): bad answers and
latency, both by requests that were asked anew of both versions (`rematches.py`); and quality, by the labels of what
each arm answered at the same time. Each may have a third of the false alarms that are allowed in all. What is sure but
small convicts nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.evidence import Evidence, Tally, of_rematches
from cuelight.serving.rollouts.standing import Standing

_LEAST_LABELS = 30
# What must be seen beside evidence: how much more often it is slower than quicker, and wrong than the other.
_SLOWER, _MORE_OFTEN_WRONG = 0.1, 0.02


class Signal(StrEnum):
    """What can speak against a version."""

    BAD = "bad answers"
    LATENCY = "latency"
    QUALITY = "quality"
    SILENCE = "silence"


_TESTED = (Signal.BAD, Signal.LATENCY, Signal.QUALITY)


@dataclass(frozen=True)
class Rule:
    """What it takes to say something.

    `false_alarms`: of all bakes of a version that is no worse, the share that may end in a rollback. `least`: answers
    before a version is called worse; `enough`: of each arm, before it is called fine. `tolerated`: share of bad answers
    that is no reason to go back. `patience`: how many seconds a version may answer nobody.
    """

    false_alarms: float = 0.01
    least: int = 10
    enough: int = 100
    tolerated: float = 0.01
    patience: float = 30.0


@dataclass(frozen=True)
class Verdict:
    """How a version stands, and why, in one sentence; `signal` is what convicts it."""

    standing: Standing
    reason: str
    signal: Signal | None = None


@dataclass(frozen=True)
class Silence:
    """A time in which the candidate was too busy for `refused` callers and answered none, from `since` to `until`."""

    refused: int = 0
    since: float = 0.0
    until: float = 0.0

    def after(self, ours: Counts, now: float) -> Silence:
        """With one more look, at what the candidate did since the last one."""
        if ours.answered:
            return Silence()
        if not ours.refused:
            return self
        return Silence(self.refused + ours.refused, self.since if self.refused else now, now)


@dataclass(frozen=True)
class Bake:
    """What version `candidate` and version `control` answered side by side since it began, and what that says.

    `share`: percent of the callers that one arm has; 0 where there is but one. `mark`: what candidate and control had
    answered when the share last changed.
    """

    candidate: int
    control: int
    rule: Rule = Rule()
    share: float = 0.0
    ours: Counts = Counts()
    theirs: Counts = Counts()
    mark: tuple[int, int] = (0, 0)
    quality: Evidence = Evidence()
    silence: Silence = Silence()

    def after(self, ours: Counts, theirs: Counts, share: float, now: float) -> Bake:
        """With one more look at what the candidate (`ours`) and the control (`theirs`) answered since the last."""
        return replace(
            self,
            share=share,
            mark=self.mark if share == self.share else (self.ours.answered, self.theirs.answered),
            ours=self.ours + ours,
            theirs=self.theirs + theirs,
            quality=self.quality.after(_labelled(theirs), _labelled(ours)),
            silence=self.silence.after(ours, now),
        )

    @property
    def bad(self) -> Tally:
        """How many of the candidate's answers were bad."""
        return Tally(self.ours.answered, self.ours.failed + self.ours.invalid)

    def tally(self, signal: Signal) -> Tally:
        """How much of what was tested speaks against the candidate by this signal."""
        if signal == Signal.QUALITY:
            return self.quality.candidate
        return Tally(self._timed, self.ours.slower) if signal == Signal.LATENCY else self.bad

    def verdict(self) -> Verdict:
        """What can be said now."""
        evidence = self._evidence()
        for signal in _TESTED:
            if evidence[signal] >= math.log(len(_TESTED) / self.rule.false_alarms) and self._matters(signal):
                return Verdict(Standing.WORSE, self._charge(signal), signal)
        lasted = self.silence.until - self.silence.since
        if lasted >= self.rule.patience and self.silence.refused >= self.rule.least:
            reason = f"Version {self.candidate} has answered nobody for {lasted:.0f} s, and refused callers meanwhile."
            return Verdict(Standing.WORSE, reason, Signal.SILENCE)
        return self._acquittal()

    def figures(self) -> dict[str, Any]:
        """What it rests on, for the history: of the candidate, and of the control."""
        kinds = ("answered", "failed", "invalid", "worse", "slower", "labelled", "wrong")
        logs = self._evidence()
        return {
            **{kind: [getattr(self.ours, kind), getattr(self.theirs, kind)] for kind in kinds},
            "evidence": {signal.value: round(log / math.log(10), 2) for signal, log in logs.items()},
        }

    def _evidence(self) -> dict[Signal, float]:
        ours, theirs = self.ours, self.theirs
        return {
            Signal.BAD: of_rematches(ours.worse, theirs.worse),
            Signal.LATENCY: of_rematches(ours.slower, theirs.slower),
            Signal.QUALITY: self.quality.log,
        }

    def _matters(self, signal: Signal) -> bool:
        ours, theirs, quality = self.ours, self.theirs, self.quality
        if ours.answered < self.rule.least:
            return False
        if signal == Signal.BAD:
            return self.bad.rate >= self.rule.tolerated
        if signal == Signal.LATENCY:
            return ours.slower - theirs.slower >= _SLOWER * self._timed
        enough = min(quality.candidate.total, quality.control.total) >= _LEAST_LABELS
        return enough and quality.candidate.rate - quality.control.rate >= _MORE_OFTEN_WRONG

    @property
    def _timed(self) -> int:
        """Rematches in which both answered well."""
        return sum(each.slower + each.even for each in (self.ours, self.theirs))

    def _charge(self, signal: Signal) -> str:
        ours, theirs = self.ours, self.theirs
        if signal == Signal.QUALITY:
            mine, other = _share(self.quality.candidate), _share(self.quality.control)
            return (
                f"Version {self.candidate} was wrong on {mine} labelled rows, "
                f"version {self.control} at the same time on {other}."
            )
        if signal == Signal.LATENCY:
            return (
                f"Of {self._timed} requests asked of both, version {self.candidate} took far longer on {ours.slower}, "
                f"version {self.control} on {theirs.slower}."
            )
        return (
            f"Version {self.candidate} failed or gave no valid answer on {_share(self.bad)} requests; "
            f"of those asked of both, version {self.control} did better on {ours.worse}, and worse on {theirs.worse}."
        )

    def _acquittal(self) -> Verdict:
        ours, theirs = self.ours.answered - self.mark[0], self.theirs.answered - self.mark[1]
        shown = f"{ours} requests" + (f" beside {theirs} of version {self.control}" if self.share else "")
        if ours >= self.rule.enough and (not self.share or theirs >= self.rule.enough):
            return Verdict(Standing.FINE, f"Version {self.candidate} does no worse, by {shown}.")
        reason = f"Too little to tell of version {self.candidate}: {shown}; {self.rule.enough} of each are enough."
        return Verdict(Standing.NOT_ENOUGH, reason)


def _labelled(counts: Counts) -> Tally:
    return Tally(counts.labelled, min(counts.labelled, counts.wrong))


def _share(tally: Tally) -> str:
    return f"{tally.bad} of {tally.total} ({tally.rate:.1%})"
