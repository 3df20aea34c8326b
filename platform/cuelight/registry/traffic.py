"""How a model's traffic is shared between its tracks, as people set it by tags in MLflow. Pure.

A canary's share is meant for the version that is in Staging when it is set: the next one to arrive there takes no
live traffic until a person sets the tag again. Registries keep no time of a tag, so what the tag says when a version
arrives is spent: it counts again once it says something else. `spent` names the models whose tag should be set to 0,
for people to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.tags import CANARY, SHADOW


@dataclass(frozen=True)
class Traffic:
    """Percent of Production's requests that Staging answers, and percent that is mirrored to it unanswered."""

    canary: float = 0.0
    shadow: float = 0.0

    def __str__(self) -> str:
        return f"canary {self.canary:g} %, shadow {self.shadow:g} %"


@dataclass(frozen=True)
class Spell:
    """Which version a model's canary tag was last held against, what it last said, and what it says in vain."""

    version: VersionId | None = None
    traffic: Traffic = Traffic()
    spent: str = ""


@dataclass(frozen=True)
class Sharing:
    """Every model's traffic, tags that could not be read, and what to remember; `spent` as above."""

    traffic: Mapping[str, Traffic]
    notes: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()
    memory: Mapping[str, Spell] = field(default_factory=dict)


def share(snapshot: Snapshot, winners: Mapping[tuple[str, Track], VersionId], memory: Mapping[str, Spell]) -> Sharing:
    """The traffic of every model that has a version in Production and one in Staging."""
    notes: list[str] = []
    spells = {}
    for model in snapshot.models.values():
        staging = winners.get((model.name, Track.STAGING))
        spells[model.name] = _spell(model, staging, memory.get(model.name), notes)
    both = {name for name, track in winners if track == Track.PRODUCTION} & {
        name for name, track in winners if track == Track.STAGING
    }
    traffic = {name: spells[name].traffic for name in sorted(both)}
    spent = tuple(sorted(name for name, spell in spells.items() if spell.spent))
    return Sharing(traffic, tuple(notes), spent, spells)


def _spell(model: RegisteredModel, staging: VersionId | None, before: Spell | None, notes: list[str]) -> Spell:
    text = model.tags.get(CANARY, "").strip()
    known = before or Spell(staging)  # at first sight, what the tag says is taken to be meant
    arrived = staging is not None and known.version not in (None, staging)
    spent = text if arrived and percent(text) != 0.0 else known.spent if text == known.spent else ""
    last = known.traffic if not arrived else Traffic(0.0, known.traffic.shadow)
    canary = 0.0 if spent else _read(model, CANARY, last.canary, notes)
    shadow = _read(model, SHADOW, last.shadow, notes)
    return Spell(staging or known.version, Traffic(canary, shadow), spent)


def _read(model: RegisteredModel, tag: str, last: float, notes: list[str]) -> float:
    text = model.tags.get(tag, "").strip()
    value = percent(text)
    if value is None:
        notes.append(f"{model.name}: tag {tag} = {text[:40]!r} is no percentage from 0 to 100; it stays {last:g}.")
        return last
    return value


def percent(text: str) -> float | None:
    """A percentage from 0 to 100, with or without its sign; nothing is 0, and what can't be read None."""
    stripped = text.strip().removesuffix("%").strip()
    if not stripped:
        return 0.0 if not text.strip() else None
    try:
        value = float(stripped)
    except ValueError:
        return None
    return value if 0.0 <= value <= 100.0 else None


def to_json(memory: Mapping[str, Spell]) -> dict[str, Any]:
    """A document that `from_json` reads."""
    return {
        name: {
            "version": [spell.version.version, spell.version.created_ms, spell.version.source],
            "canary": spell.traffic.canary,
            "shadow": spell.traffic.shadow,
            "spent": spell.spent,
        }
        for name, spell in sorted(memory.items())
        if spell.version is not None
    }


def from_json(document: Mapping[str, Any]) -> dict[str, Spell]:
    """What `to_json` wrote."""
    return {
        name: Spell(
            VersionId(name, *each["version"]), Traffic(float(each["canary"]), float(each["shadow"])), str(each["spent"])
        )
        for name, each in document.items()
    }
