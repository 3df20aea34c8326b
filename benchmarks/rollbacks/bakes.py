"""Bakes played in fast time: two versions that answer as chance has it, judged by the code that judges in serving."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuelight.serving.answering.rematches import Result, judge, rest, until_sample
from cuelight.serving.rollouts.bake import Bake, Rule, Signal
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.standing import Standing

_BLOCK_SECONDS = 15.0  # requests are drawn for so long at once; between two looks at labels
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
    `labelled`: share of answers for which a label comes; `callers`: so many, who stay with one version, and of whose
    labels both are wrong on 15 % more or less, each caller otherwise; 0: nobody stays.
    """

    rate: float = 10.0
    share: float = 0.5
    shaky: float = 0.001
    rough: bool = False
    heavy: float = 0.0
    labelled: float = 0.0
    callers: int = 0


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
    """`arm` answered it, 0 is the candidate's; `place`: which requests a version can't answer goes by it."""

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
        self._callers = generator.uniform(-0.15, 0.15, world.callers)
        self._callers_arms = generator.random(world.callers) >= world.share
        self._played: deque[tuple[float, Result, int]] = deque()  # when it was over, what it showed, of which arm
        self._free = self._sample_due = 0.0

    def looks(self, every: float) -> Iterator[tuple[Counts, Counts]]:
        """What candidate and control did since the look before, again and again; `every` divides 15 seconds."""
        for block in itertools.count():
            yield from self._block(block * _BLOCK_SECONDS, every)

    def _block(self, begin: float, every: float) -> Iterator[tuple[Counts, Counts]]:
        requests = arms, moments, *_ = self._requests(begin)
        failed, invalid = self._answers(*requests)
        number = round(_BLOCK_SECONDS / every)
        places = 2 * np.minimum((moments - begin) // every, number - 1).astype(int) + arms
        kinds = {"answered": np.ones(len(arms), bool), "failed": failed, "invalid": invalid}
        counts = {kind: np.bincount(places[which], minlength=2 * number) for kind, which in kinds.items()}
        figures = [{kind: int(each[place]) for kind, each in counts.items()} for place in range(2 * number)]
        self._ask_anew(requests, failed | invalid)
        while self._played and self._played[0][0] < begin + _BLOCK_SECONDS:
            moment, result, arm = self._played.popleft()
            known = figures[2 * int((moment - begin) / every) + arm]
            known[result.value] = known.get(result.value, 0) + 1
        for arm in (0, 1):
            figures[arm - 2] |= self._labels(arm, int((arms == arm).sum()))
        found = [Counts(**each) for each in figures]
        yield from zip(found[::2], found[1::2], strict=True)

    def _labels(self, arm: int, answered: int) -> dict[str, int]:
        """Labels that have come since the last time, and how many of them the version was wrong on."""
        mine = self._callers[self._callers_arms == arm]
        labelled = self._draw.binomial(answered, self._world.labelled)
        if len(mine):
            labelled = self._draw.multinomial(labelled, np.full(len(mine), 1 / len(mine)))
        wrong = self._draw.binomial(labelled, self._versions[arm].wrong + (mine if len(mine) else 0.0))
        return {"labelled": int(np.sum(labelled)), "wrong": int(np.sum(wrong))}

    def _requests(self, begin: float) -> tuple[Any, ...]:
        """Arms, moments, places, chances of a fault, and seconds of an answer."""
        world, draw = self._world, self._draw
        number = int(draw.poisson(world.rate * _BLOCK_SECONDS))
        rough = world.rough and begin // 60 % 5 == 2
        heavy = draw.random(number) < world.heavy
        arms = np.where(heavy, self._heavy_arm, draw.random(number) >= world.share)
        offsets = _BLOCK_SECONDS * np.sort(draw.random(number))
        shaky = np.where(heavy, _HEAVY_SHAKY, world.shaky + rough * _ROUGH_SHAKY)
        slower = np.where(heavy, _TIMES_SLOWER, 1.0) * (_TIMES_SLOWER if rough else 1.0)
        busy = draw.standard_normal(int(_BLOCK_SECONDS))[offsets.astype(int)]
        seconds = slower * np.exp(_REQUESTS * draw.standard_normal(number) + _MOMENTS * busy)
        return arms, begin + offsets, draw.random(number), shaky, seconds

    def _answers(self, arms: Any, _moments: Any, places: Any, shaky: Any, _seconds: Any) -> tuple[Any, Any]:
        """Which failed, and which were invalid."""
        found = [self._is_bad(version, places, shaky) for version in self._versions]
        return tuple(np.where(arms == 0, *each) for each in zip(*found, strict=True))

    def _is_bad(self, version: Version, place: Any, shaky: Any) -> tuple[Any, Any]:
        """Whether the version fails on the request, and whether it answers with what is no prediction."""
        chance = 1 - (1 - shaky) * (1 - version.shaky)
        failed = (place < version.faults) | (self._draw.random(np.shape(place)) < chance)
        return failed, (place >= 1 - version.invalid) & ~failed

    def _ask_anew(self, requests: tuple[Any, ...], bad: Any) -> None:
        """Play the rematches of what was badly answered, and of one of the others whenever it is time for that."""
        moments, start = requests[1], 0
        while True:
            next_bad = start + int(np.argmax(np.append(bad[start:], True)))
            index = min(next_bad, max(start, int(np.searchsorted(moments, self._sample_due))))
            if index == len(bad):
                break
            self._play(_Request(*(each[index] for each in requests)))
            start = index + 1

    def _play(self, request: _Request) -> None:
        took = list[float]()
        found = judge(self._rounds(request, took))
        ended = max(self._free, request.moment) + sum(took)
        self._free, self._sample_due = ended + rest(sum(took)), ended + until_sample(sum(took))
        if found:
            self._played.append((ended, found[0], abs(found[1] - request.arm)))

    def _rounds(self, request: _Request, took: list[float]) -> Iterator[tuple[float | None, float | None]]:
        """First what the version took that answered, then the other; `took` gets all of it."""
        while True:
            answers: list[float | None] = []
            for arm in (request.arm, 1 - request.arm):
                version = self._versions[arm]
                seconds = version.seconds * request.seconds * float(np.exp(_NOISE * self._draw.standard_normal()))
                took.append(seconds)
                answers.append(None if any(self._is_bad(version, request.place, request.shaky)) else seconds)
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
    bake = Bake(2, 1, rule or Rule(), 100 * world.share if world.share < 1 else 0.0)
    looks = _Server(generator, world, (new, usual or Version())).looks(look)
    now, verdict = 0.0, bake.verdict()
    while now < seconds and verdict.standing != Standing.WORSE:
        now += look
        ours, theirs = next(looks)
        bake = bake.after(ours, theirs, bake.share, now)
        verdict = bake.verdict()
    return End(verdict.signal, bake.ours.answered, bake.ours.answered + bake.theirs.answered, now, verdict.standing)
