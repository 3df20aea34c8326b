"""Every model's rollout: kept by the follower in one file, which workers read to show how far each has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cuelight.kit import files
from cuelight.kit.log import Log
from cuelight.registry.model import Track, VersionId
from cuelight.registry.rollout import OFF, read
from cuelight.registry.traffic import Spell, Traffic
from cuelight.serving.host.deployment import Deployment
from cuelight.serving.rollouts.rollout import Walk, begin, step
from cuelight.serving.rollouts.standing import Standing


@dataclass(frozen=True)
class Progress:
    """A walk, and what it says of itself."""

    walk: Walk
    says: str


class Walks:
    """Takes each walk forward, and remembers it across restarts; of several replicas the one that `leads` does."""

    def __init__(self, path: Path, leads: Callable[[], bool] = lambda: True) -> None:
        self._path = path
        self._leads = leads
        self._log = Log("serving.walks")
        self._progress = progress(path)

    def advance(
        self,
        spells: Mapping[str, Spell],
        committed: Deployment,
        standing: Callable[[str], Standing],
        now: float,
    ) -> None:
        """One look at every rollout that a tag asks for; `standing` is that of a model's canary at its present share.

        A walk begins once its version is served in Staging beside another one in Production, and rests while it is not.
        """
        if not self._leads():
            self._progress = progress(self._path)
            return
        found = {}
        for name, spell in spells.items():
            if spell.version is None or spell.plan == OFF:
                continue
            last = self._progress.get(name)
            known = last if last and last.walk.version == spell.version else None
            if _is_on_trial(spell.version, committed):
                found[name] = _next(spell.version, spell, known, committed, standing, now)
            elif known:
                found[name] = known
        if found != self._progress:
            self._keep(found)

    def shared(self, traffic: Mapping[str, Traffic], spells: Mapping[str, Spell]) -> dict[str, Traffic]:
        """The traffic that tags ask for, with the walk's share as the canary's wherever a rollout is set."""
        return {name: self._shared(each, spells[name]) for name, each in traffic.items()}

    def notes(self) -> dict[VersionId, str]:
        """What is to be said of each version that is rolled out."""
        return {each.walk.version: f"Rollout: {each.says}." for each in self._progress.values()}

    def _shared(self, traffic: Traffic, spell: Spell) -> Traffic:
        if spell.plan == OFF:
            return traffic
        known = self._progress.get(spell.version.name) if spell.version else None
        if known is None or known.walk.version != spell.version:
            return replace(traffic, canary=0.0)
        return replace(traffic, canary=known.walk.share, why=f"rollout {known.walk.plan}: {known.walk.why}")

    def _keep(self, found: dict[str, Progress]) -> None:
        for name, each in found.items():
            if each != self._progress.get(name):
                self._log.info("rollout", each.says, model=name, version=each.walk.version.version)
        files.replace(self._path, json.dumps({name: _document(each) for name, each in found.items()}).encode())
        self._progress = found


def progress(path: Path) -> dict[str, Progress]:
    """How far each model's rollout is, by the file that the follower keeps; nothing where there is none to be read."""
    try:
        document = json.loads(path.read_bytes())
        return {name: _progress(name, each) for name, each in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        Log("serving.walks").warning("rollouts-unreadable", f"{path}: {error}; every rollout begins anew")
        return {}


def _next(
    version: VersionId,
    spell: Spell,
    known: Progress | None,
    committed: Deployment,
    standing: Callable[[str], Standing],
    now: float,
) -> Progress:
    walk = known.walk if known else begin(version, spell.plan, now)
    # A share that no worker serves by yet says nothing of itself.
    serves = committed.traffic.get(version.name, Traffic()).canary == walk.share
    found = standing(version.name) if known and serves else Standing.NOT_ENOUGH
    return Progress(*step(walk, spell.plan, found, now))


def _is_on_trial(version: VersionId, committed: Deployment) -> bool:
    production = committed.tracks.get((version.name, Track.PRODUCTION))
    staging = committed.tracks.get((version.name, Track.STAGING))
    return production is not None and staging is not None and staging.id == version != production.id


def _document(each: Progress) -> dict[str, Any]:
    walk = each.walk
    return {
        "version": [walk.version.version, walk.version.created_ms, walk.version.source],
        "plan": str(walk.plan),
        "step": walk.step,
        "since": walk.since,
        "why": walk.why,
        "says": each.says,
    }


def _progress(name: str, each: Mapping[str, Any]) -> Progress:
    plan = read(each["plan"])
    if not plan or plan == OFF:
        raise ValueError(f"{name}: {each['plan']!r} is no plan")
    walk = Walk(VersionId(name, *each["version"]), plan, int(each["step"]), float(each["since"]), str(each["why"]))
    return Progress(walk, str(each["says"]))
