"""The follower's watch over canaries and versions that bake: who is held against whom, by what the workers counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from cuelight.journal.record import CANARY, CHAMPION, CONTROL
from cuelight.operations.host import Version
from cuelight.registry.model import Track
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Deployment, Key, Served
from cuelight.serving.rollouts import pooled
from cuelight.serving.rollouts.bake import Bake, Rule, Verdict
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.evidence import Tally
from cuelight.serving.rollouts.meters import Arm
from cuelight.serving.rollouts.pooled import Part, Parts
from cuelight.serving.rollouts.recall import Recall
from cuelight.serving.rollouts.standing import Standing

_LOOK_SECONDS = 0.25
_REST_FACTOR = 25  # times what a look costs: at most some 4 % of a core while something bakes


@dataclass(frozen=True)
class Case:
    """Two versions of a model that answer side by side; `share`: percent of callers of one arm, 0 where one has all."""

    candidate: Served
    control: Served
    arms: tuple[str, str]
    share: float

    @property
    def ours(self) -> Arm:
        """What the candidate answers is counted here."""
        return self.candidate.id.name, self.candidate.id.version, self.arms[0]

    @property
    def theirs(self) -> Arm:
        """What the control answers is counted here."""
        return self.control.id.name, self.control.id.version, self.arms[1]

    def concerns_the_same(self, other: Case) -> bool:
        """Whether it goes on from `other`, maybe with another share."""
        return (self.candidate.id, self.control.id, self.arms) == (other.candidate.id, other.control.id, other.arms)


def cases(deployment: Deployment) -> dict[Key, Case]:
    """Who is held against whom: by the track that would be given back."""
    return {(each.candidate.id.name, track): each for track, each in _cases(deployment)}


def _cases(deployment: Deployment) -> Iterator[tuple[Track, Case]]:
    for name, shared in deployment.traffic.items():
        tracks = deployment.by_model.get(name, {})
        if shared.canary and Track.STAGING in tracks and Track.PRODUCTION in tracks:
            share = shared.canary if shared.canary < 100.0 else 0.0
            yield Track.STAGING, Case(tracks[Track.STAGING], tracks[Track.PRODUCTION], (CANARY, CHAMPION), share)
    for name, rival in deployment.rivals.items():
        production = deployment.by_model.get(name, {}).get(Track.PRODUCTION)
        if production:
            shared_with = deployment.traffic.get(name)
            share = shared_with.control if shared_with else 0.0
            yield Track.PRODUCTION, Case(production, rival.served, (CHAMPION, CONTROL), share)


@dataclass(frozen=True)
class Conviction:
    """A version that does worse than the one beside it, and what that rests on; `whose`: the bakes that hosts saw."""

    key: Key
    case: Case
    bake: Bake
    verdict: Verdict
    whose: Mapping[str, Bake] = field(default_factory=dict)

    def recall(self, now: float, move: bool) -> Recall:
        """What is to be done: the version before answers instead; a canary just loses its share."""
        track = self.key[1]
        instead = self.case.control if track == Track.PRODUCTION else None
        moves = move and instead is not None
        return Recall(self.case.candidate.id, track, self.verdict.reason, now, instead, move=moves)

    def line(self) -> Line:
        """What is told of it."""
        detail = {
            "track": self.key[1].value,
            "to": self.case.control.id.version,
            "reason": self.verdict.reason,
            "by": "",
            "figures": {"signal": self.verdict.signal, **self.bake.figures(), **_by_host(self.whose)},
        }
        return Line("rolled-back", self.key[0], self.case.candidate.id.version, detail)


@dataclass
class _Watch:
    """A bake, and what its two arms had answered at the last look; None: there has been none."""

    case: Case
    bake: Bake
    last: tuple[Counts, Counts] | None = None

    def look(self, counts: Mapping[Arm, Counts], now: float) -> None:
        current = counts.get(self.case.ours, Counts()), counts.get(self.case.theirs, Counts())
        if self.last:
            ours, theirs = (new - old for new, old in zip(current, self.last, strict=True))
            self.bake = self.bake.after(ours, theirs, self.case.share, now)
        self.last = current


class Bakes:
    """Every case of the committed deployment, with what is known of it.

    `read` counts what each arm answered, or answers None where that can't be read now; `labelled` what labels
    say of the arms of some models. `elsewhere` is what all machines have written down, this one, `me`, among them.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[Arm, Counts] | None],
        labelled: Callable[[Set[str]], Mapping[Arm, Tally]],
        rule: Rule,
        now: Callable[[], float],
        elsewhere: Callable[[], Parts] = dict,
        me: str = "",
    ) -> None:
        self._read = read
        self._elsewhere = elsewhere
        self._me = me
        self._labelled = labelled
        self._rule = rule
        self._now = now
        self._watches: dict[Key, _Watch] = {}
        self._due = 0.0
        self._judged: tuple[Parts, list[Conviction]] | None = None

    def begin(self, deployment: Deployment) -> dict[Key, tuple[Case, Bake]]:
        """Turn to what `deployment` holds against each other, just before it is committed; what is over."""
        current, before, self._judged = cases(deployment), self._watches, None
        counts = self._counts({name for name, _ in current})
        self._watches = {key: self._watch(case, before.get(key), counts) for key, case in current.items()}
        kept = {id(each) for each in self._watches.values()}
        return {
            key: (each.case, self._opinions(key, each)[-1][0]) for key, each in before.items() if id(each) not in kept
        }

    def _watch(self, case: Case, before: _Watch | None, counts: Mapping[Arm, Counts] | None) -> _Watch:
        if before and case.concerns_the_same(before.case):
            before.case = case
            return before
        watch = _Watch(case, Bake(case.candidate.id.version, case.control.id.version, self._rule, case.share))
        if counts is not None:
            watch.look(counts, self._now())
        return watch

    def look(self) -> None:
        """Take in what was answered since the last look, if one is due."""
        if not self._watches or self._now() < self._due:
            return
        began = time.monotonic()
        counts, now = self._counts({name for name, _ in self._watches}), self._now()
        if counts is not None:
            for watch in self._watches.values():
                watch.look(counts, now)
            self._judged = None
        self._due = now + max(_LOOK_SECONDS, _REST_FACTOR * (time.monotonic() - began))

    def _counts(self, models: Set[str]) -> Mapping[Arm, Counts] | None:
        labels = self._labelled(models)
        counts = self._read() if models else None
        if counts is None:
            return None
        known = {arm: labels.get(arm, Tally()) for arm in counts}
        return {arm: replace(each, labelled=known[arm].total, wrong=known[arm].bad) for arm, each in counts.items()}

    def worse(self) -> list[Conviction]:
        """Whoever does worse, by what has been looked at; worked out anew where there is something new."""
        parts = self._elsewhere()
        if self._judged is None or self._judged[0] is not parts:
            self._judged = parts, self._worse()
        return self._judged[1]

    def _worse(self) -> list[Conviction]:
        said = ((key, watch, *each) for key, watch in self._watches.items() for each in self._opinions(key, watch))
        found: dict[Key, Conviction] = {}
        for key, watch, bake, whose in said:
            verdict = bake.verdict()
            if verdict.standing == Standing.WORSE and key not in found:
                found[key] = Conviction(key, watch.case, bake, pooled.charged(verdict, whose), whose)
        return [*found.values()]

    def convicted(self, key: Key, candidate: Version, reason: str) -> Iterator[Conviction]:
        """By what another host has seen, if the version that it speaks of is held against another one here."""
        watch = self._watches.get(key)
        if watch and pooled.mark(watch.case.candidate.id) == candidate:
            yield Conviction(key, watch.case, watch.bake, Verdict(Standing.WORSE, reason))

    def parts(self) -> tuple[Part, ...]:
        """What the other machines are to know."""
        known = ((key, each.case, each.bake) for key, each in self._watches.items())
        return tuple(pooled.part(key, case.candidate.id, case.control.id, bake) for key, case, bake in known)

    def verdict(self, key: Key) -> Verdict | None:
        """How the version on a track stands; None where it is held against nobody."""
        watch = self._watches.get(key)
        if watch is None:
            return None
        said = [bake.verdict() for bake, _ in self._opinions(key, watch)]
        return next((each for each in said if each.standing == Standing.WORSE), said[-1])

    def _opinions(self, key: Key, watch: _Watch) -> list[tuple[Bake, Mapping[str, Bake]]]:
        known = self._elsewhere()
        its = pooled.of(known, key, watch.case.candidate.id, watch.case.control.id)
        return [*pooled.opinions(watch.bake, its, self._me, len(known))]

    def canary(self, model: str) -> Standing:
        """How a model's canary stands."""
        verdict = self.verdict((model, Track.STAGING))
        return verdict.standing if verdict else Standing.NOT_ENOUGH


def _by_host(whose: Mapping[str, Bake]) -> dict[str, Any]:
    return {"hosts": {host: bake.figures() for host, bake in whose.items()}} if len(whose) > 1 else {}


def ends(over: Mapping[Key, tuple[Case, Bake]], after: Deployment) -> Iterator[Line]:
    """A line for each version in Production whose bake time is over, and which serves on."""
    for (name, track), (case, bake) in over.items():
        serves = after.tracks.get((name, track))
        if track == Track.PRODUCTION and serves and serves.id == case.candidate.id:
            verdict = bake.verdict()
            detail = {"verdict": verdict.standing.value, "reason": verdict.reason, "figures": bake.figures()}
            yield Line("baked", name, case.candidate.id.version, detail)
