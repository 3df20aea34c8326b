"""A rollout under way: when a canary's share is raised, and when it waits. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from cuelight.registry.model import VersionId
from cuelight.registry.rollout import Plan
from cuelight.serving.rollouts.standing import Standing


@dataclass(frozen=True)
class Walk:
    """How far a version has come in a plan, since when (epoch seconds), and why it is there.

    `step` counts from 0; the number of the plan's shares means that the last one is passed as well.
    """

    version: VersionId
    plan: Plan
    step: int
    since: float
    why: str

    @property
    def ended(self) -> bool:
        """Whether all shares are passed."""
        return self.step >= len(self.plan.shares)

    @property
    def share(self) -> float:
        """Percent that the version answers now; the last share stays."""
        return self.plan.shares[min(self.step, len(self.plan.shares) - 1)]

    def __str__(self) -> str:
        total = len(self.plan.shares)
        return f"step {min(self.step + 1, total)} of {total}, {self.share:g} % since {_moment(self.since)}"


def begin(version: VersionId, plan: Plan, now: float) -> Walk:
    """A walk at its first share."""
    return Walk(version, plan, 0, now, "the rollout begins")


def step(walk: Walk, plan: Plan, standing: Standing, now: float) -> tuple[Walk, str]:
    """Where the walk is at `now` (epoch seconds), and what it waits for, as one sentence.

    `standing` is that of the version since `walk.since`. One step up at a time, once its time is over and its checks
    are fine; too little to tell leaves it where it is, and so do checks that failed: going back is the rollback's.
    """
    if plan != walk.plan:
        walk = _changed(walk, plan, now)
    if walk.since > now:  # the clock was set back: better once more the whole time than for years
        walk = replace(walk, since=now)
    if standing is Standing.FINE and not walk.ended and now >= walk.since + plan.seconds:
        walk, standing = _up(walk, now), Standing.NOT_ENOUGH
    return walk, f"{walk}: {_prospect(walk, standing, now)}"


def _up(walk: Walk, now: float) -> Walk:
    raised = replace(walk, step=walk.step + 1, why=f"its checks passed at {walk.share:g} %")
    return raised if raised.ended else replace(raised, since=now)


def _changed(walk: Walk, plan: Plan, now: float) -> Walk:
    """The new plan's first share that is not below the present one; the last, where the person asked for less."""
    place = next((at for at, share in enumerate(plan.shares) if share >= walk.share), len(plan.shares) - 1)
    if plan.shares[place] == walk.share:
        return replace(walk, plan=plan, step=place)
    return Walk(walk.version, plan, place, now, "the plan was changed")


def _prospect(walk: Walk, standing: Standing, now: float) -> str:
    until = walk.since + walk.plan.seconds
    if standing is Standing.WORSE:
        return "its checks found it worse, it goes no further"
    if walk.ended:
        return "all its checks passed, it may be promoted now"
    if now >= until:
        return "it waits, there is too little traffic yet to tell"
    coming = f"{walk.plan.shares[walk.step + 1]:g} %" if walk.step + 1 < len(walk.plan.shares) else "the end"
    return f"{coming} from {_moment(until)} on, if its checks pass"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
