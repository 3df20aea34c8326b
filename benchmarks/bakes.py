"""Bakes played in fast time: two versions that answer as chance has it, judged by the code that judges in serving."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.serving.bake import Bake, Rule, Signal
from cuelight.serving.counts import Counts
from cuelight.serving.rematches import SOON, Result, judge, rest, until_sample
from cuelight.serving.standing import Standing

_LABELS_SECONDS = 15.0  # between two looks at labels
_ROUGH_SHAKY, _HEAVY_SHAKY, _TIMES_SLOWER = 0.2, 0.3, 8.0
_REQUESTS, _MOMENTS, _NOISE = 0.6, 0.3, 0.25  # how far the logarithm of seconds spreads between these, and answers


@dataclass(frozen=True)
class Version:
    """How a version answers.

    `faults`: share of requests that it can't answer, always the same ones; `shaky`: share of answers that fail by
    chance, whatever the request; `invalid`: share of requests that it answers with NaN. `seconds`: the median of what
    an answer takes; `wrong`: share of labelled rows that it is wrong on.
    """

    faults: float = 0.0
    shaky: float = 0.0
    invalid: float = 0.0
    seconds: float = 0.004
    wrong: float = 0.2


@dataclass(frozen=True)
class World:
    """What comes, and what befalls both versions alike.

    `rate`: requests a second. `share`: the candidate's share of them. `shaky`: share of answers that fail by chance.
    `rough`: in one minute of five 20 % fail by chance, and all takes eight times as long. `heavy`: share of requests
    that one caller sends, who stays with one version: 30 % of his fail by chance, and they take eight times as long.
    `labelled`: share of answers for which a label comes.
    """

    rate: float = 10.0
    share: float = 0.5
    shaky: float = 0.001
    rough: bool = False
    heavy: float = 0.0
    labelled: float = 0.0


@dataclass(frozen=True)
class End:
    """How a bake ended: by which signal after how many requests of the candidate and in all, or without one."""

    signal: Signal | None
    candidate: int
    requests: int
    seconds: float
    standing: Standing


@dataclass(frozen=True)
class _Request:
    """`place`: which requests a version can't answer goes by it; `arm` answered it, 0 is the candidate's."""

    arm: int
    moment: float
    place: float
    shaky: float
    seconds: float


class _Server:
    """The two versions (0: the candidate), their counters, and the thread that asks anew."""

    def __init__(self, generator: Any, world: World, versions: tuple[Version, Version]) -> None:
        self._draw, self._world, self._versions = generator, world, versions
        self._heavy_arm = int(generator.random() >= world.share)
        self._waiting: deque[_Request] = deque()
        self._free = self._sample_due = 0.0
        self._unlabelled = [0, 0]
        self._labels_due = _LABELS_SECONDS

    def answer(self, now: float, seconds: float) -> list[Counts]:
        """What either did in the `seconds` before `now`."""
        arms, moments, places, shaky, took = self._requests(now, seconds)
        failed, invalid = np.zeros(len(arms), bool), np.zeros(len(arms), bool)
        for arm, version in enumerate(self._versions):
            failed |= (arms == arm) & self._fails(version, places, shaky)
            invalid |= (arms == arm) & ~failed & self._is_invalid(version, places)
        figures = [
            {"answered": int(mine.sum()), "failed": int((mine & failed).sum()), "invalid": int((mine & invalid).sum())}
            for mine in (arms == 0, arms == 1)
        ]
        asked = list(zip(arms, moments, places, shaky, took, strict=True))
        for result, arm in self._asked_anew(now, moments, failed | invalid, asked):
            figures[arm][result.value] = figures[arm].get(result.value, 0) + 1
        labels = [self._labels(arm, each["answered"], now) for arm, each in enumerate(figures)]
        return [Counts(**each) + more for each, more in zip(figures, labels, strict=True)]

    def _requests(self, now: float, seconds: float) -> tuple[Any, ...]:
        """Arms, moments, places, chances of a fault, and seconds of an answer."""
        world, draw = self._world, self._draw
        number = int(draw.poisson(world.rate * seconds))
        rough = world.rough and now // 60 % 5 == 2
        heavy = draw.random(number) < world.heavy
        arms = np.where(heavy, self._heavy_arm, draw.random(number) >= world.share)
        moments = now - seconds + seconds * np.sort(draw.random(number))
        shaky = np.where(heavy, _HEAVY_SHAKY, world.shaky + rough * _ROUGH_SHAKY)
        slower = np.where(heavy, _TIMES_SLOWER, 1.0) * (_TIMES_SLOWER if rough else 1.0)
        spread = np.exp(_REQUESTS * draw.standard_normal(number) + _MOMENTS * draw.standard_normal())
        return arms, moments, draw.random(number), shaky, slower * spread

    def _fails(self, version: Version, place: Any, shaky: Any) -> Any:
        chance = 1 - (1 - shaky) * (1 - version.shaky)
        return (place < version.faults) | (self._draw.random(np.shape(place)) < chance)

    def _is_invalid(self, version: Version, place: Any) -> Any:
        return place >= 1 - version.invalid

    def _labels(self, arm: int, answered: int, now: float) -> Counts:
        """The labels of what was answered, which come a while later and all at once."""
        self._unlabelled[arm] += answered
        if now < self._labels_due:
            return Counts()
        labelled = int(self._draw.binomial(self._unlabelled[arm], self._world.labelled))
        self._unlabelled[arm] = 0
        self._labels_due += _LABELS_SECONDS * arm
        return Counts(labelled=labelled, wrong=int(self._draw.binomial(labelled, self._versions[arm].wrong)))

    def _asked_anew(self, now: float, moments: Any, bad: Any, asked: list[Any]) -> Iterator[tuple[Result, int]]:
        """What came of rematches until `now`, and of which arm it is to be said."""
        start = 0
        while True:
            next_bad = start + int(np.argmax(np.append(bad[start:], True)))
            index = min(next_bad, max(start, int(np.searchsorted(moments, self._sample_due))))
            if index == len(moments):
                break
            if not bad[index]:
                self._sample_due = moments[index] + SOON
            self._waiting.append(_Request(*asked[index]))
            yield from self._play(moments[index])
            start = index + 1
        yield from self._play(now)

    def _play(self, until: float) -> Iterator[tuple[Result, int]]:
        while self._waiting and max(self._free, self._waiting[0].moment) < until:
            request = self._waiting.popleft()
            took: list[float] = []
            found = judge(self._rounds(request, took))
            ended = max(self._free, request.moment) + sum(took)
            self._free, self._sample_due = ended + rest(sum(took)), ended + until_sample(sum(took))
            if found:
                yield found[0], abs(found[1] - request.arm)

    def _rounds(self, request: _Request, took: list[float]) -> Iterator[tuple[float | None, float | None]]:
        """First what the version took that answered, then the other; `took` gets all of it."""
        while True:
            answers: list[float | None] = []
            for arm in (request.arm, 1 - request.arm):
                version = self._versions[arm]
                seconds = version.seconds * request.seconds * float(np.exp(_NOISE * self._draw.standard_normal()))
                took.append(seconds)
                bad = self._fails(version, request.place, request.shaky) or self._is_invalid(version, request.place)
                answers.append(None if bad else seconds)
            yield answers[0], answers[1]


def play(
    generator: np.random.Generator,
    world: World,
    new: Version,
    seconds: float = 600.0,
    usual: Version | None = None,
    look: float = 1.0,
    rule: Rule | None = None,
) -> End:
    """One bake of at most so many `seconds`, with a look at the counters every `look` seconds."""
    bake = Bake(2, 1, rule or Rule(), 100 * min(world.share, 1 - world.share))
    server = _Server(generator, world, (new, usual or Version()))
    now = 0.0
    while now < seconds and bake.verdict().standing != Standing.WORSE:
        now += look
        ours, theirs = server.answer(now, look)
        bake = bake.after(ours, theirs, bake.share, now)
    verdict = bake.verdict()
    return End(verdict.signal, bake.ours.answered, bake.ours.answered + bake.theirs.answered, now, verdict.standing)
