"""How a model's traffic is shared between its tracks, as people set it by tags in MLflow. Pure.

A canary's share, or a rollout that raises it, is meant for the version that is in Staging when it is set: the next one
to arrive there takes no live traffic until a person sets the tag again. Registries keep no time of a tag, so what the
tag says when a version arrives, or when it is promoted, is spent: it counts again once it says something else. `spent`
names the tags that should be set to nothing, for people to see. A tag may name the version that it is for, `10 for
version 7`: it counts for that one alone, and may be set before it arrives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cuelight.registry.flags import flag
from cuelight.registry.model import RegisteredModel, Snapshot, Track, VersionId
from cuelight.registry.percent import percent
from cuelight.registry.rollout import OFF, Plan
from cuelight.registry.rollout import read as read_plan
from cuelight.registry.tags import AUTO_ROLLBACK, CANARY, CONTROL, ROLLOUT, SHADOW

NOTHING = {CANARY: "0", ROLLOUT: "off"}
"""What a tag is set to once it is spent."""
_ADDRESS = re.compile(r"\s+for\s+version\s+([0-9]{1,18})\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Traffic:
    """Percent of Production's requests that Staging answers, and percent that is mirrored to it unanswered.

    `control` is the percent that the version before goes on answering while a new one in Production bakes.
    `why` it is so where a rollout says so; it makes no difference.
    """

    canary: float = 0.0
    shadow: float = 0.0
    control: float = 0.0
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        control = f", control {self.control:g} %" if self.control else ""
        return f"canary {self.canary:g} %, shadow {self.shadow:g} %{control}"


@dataclass(frozen=True)
class Spell:
    """Which version a model's tags were last held against, what they last said, and which say what in vain.

    `traffic.canary` is what the tag says; while there is a `plan`, that is in charge instead. `watched`: a version that
    does badly is rolled back by itself.
    """

    version: VersionId | None = None
    traffic: Traffic = Traffic()
    plan: Plan = OFF
    spent: Mapping[str, str] = field(default_factory=dict)
    watched: bool = True

    @property
    def has_canary(self) -> bool:
        """Whether people want its version to answer some of the callers."""
        return self.plan != OFF or self.traffic.canary > 0.0


@dataclass(frozen=True)
class Sharing:
    """Every model's traffic, tags that don't count, model and tag of those spent, and what to remember.

    `unwatched` are the models of which no version is rolled back by itself.
    """

    traffic: Mapping[str, Traffic]
    notes: tuple[str, ...] = ()
    spent: tuple[tuple[str, str], ...] = ()
    memory: Mapping[str, Spell] = field(default_factory=dict)
    unwatched: frozenset[str] = frozenset()


def share(snapshot: Snapshot, winners: Mapping[tuple[str, Track], VersionId], memory: Mapping[str, Spell]) -> Sharing:
    """The traffic of every model that has a version in Production."""
    notes: list[str] = []
    spells = {}
    for name, model in snapshot.models.items():
        here = winners.get((name, Track.STAGING))
        known = memory.get(name) or Spell(here)  # at first sight, what the tags say is taken to be meant
        promoted = known.version is not None and winners.get((name, Track.PRODUCTION)) == known.version
        arrived = here is not None and known.version not in (None, here)
        before = over(model, known, here if arrived else None) if promoted or arrived else known
        spells[name] = _spell(model, replace(before, version=here or known.version), notes)
    traffic = {name: spells[name].traffic for name, track in sorted(winners) if track == Track.PRODUCTION}
    spent = tuple(sorted((name, tag) for name, spell in spells.items() for tag in spell.spent))
    vain = "says was for another version, or failed. Set it anew for this one."
    notes += [f"{name}: what {tag} {vain}" for name, tag in spent]
    unwatched = frozenset(name for name, spell in spells.items() if not spell.watched)
    return Sharing(traffic, tuple(notes), spent, spells, unwatched)


def addressed(shares: Mapping[str, str], version: int) -> dict[str, str]:
    """Tags with the version that they are for: those of a canary, since the others are for any."""
    return {tag: f"{text} for version {version}" if tag in NOTHING else text for tag, text in shares.items()}


def meaning(text: str) -> tuple[str, int | None]:
    """What a tag says, and the version that it is for; None: for the one that is in Staging."""
    found = _ADDRESS.search(text)
    return (text[: found.start()], int(found[1])) if found else (text, None)


def over(model: RegisteredModel, spell: Spell, next_one: VersionId | None = None) -> Spell:
    """The spell after its version's time as a canary: what the tags say now is spent, unless they say nothing.

    What they say for the `next_one`, by its number, is not.
    """
    spent = {}
    for tag in NOTHING:
        said, version = meaning(_text(model, tag))
        idle = percent(said) == 0.0 if tag == CANARY else read_plan(said) == OFF
        if not idle and (next_one is None or version != next_one.version):
            spent[tag] = _text(model, tag)
    return replace(spell, traffic=replace(spell.traffic, canary=0.0), plan=OFF, spent=spent)


def _spell(model: RegisteredModel, before: Spell, notes: list[str]) -> Spell:
    spent = {tag: text for tag, text in before.spent.items() if text == _text(model, tag)}
    void = {tag for tag in NOTHING if tag in spent or _is_for_another(model, tag, before)}
    canary = 0.0 if CANARY in void else _share(model, CANARY, before.traffic.canary, notes)
    shadow = _share(model, SHADOW, before.traffic.shadow, notes)
    control = _share(model, CONTROL, before.traffic.control, notes)
    plan = OFF if ROLLOUT in void else _plan(model, before.plan, notes)
    watched = _watched(model, before.watched, notes)
    return Spell(before.version, Traffic(canary, shadow, control), plan, spent, watched)


def _is_for_another(model: RegisteredModel, tag: str, spell: Spell) -> bool:
    version = meaning(_text(model, tag))[1]
    return version is not None and (spell.version is None or spell.version.version != version)


def _share(model: RegisteredModel, tag: str, last: float, notes: list[str]) -> float:
    text = meaning(_text(model, tag))[0]
    value = percent(text)
    if value is None:
        notes.append(f"{model.name}: tag {tag} = {text[:40]!r} is no percentage from 0 to 100; it stays {last:g}.")
        return last
    return value


def _plan(model: RegisteredModel, last: Plan, notes: list[str]) -> Plan:
    text = meaning(_text(model, ROLLOUT))[0]
    plan = read_plan(text)
    if plan is None:
        example = "'5,25,50,100 every 10m' (rising percentages; s, m, h or d)"
        notes.append(f"{model.name}: tag {ROLLOUT} = {text[:40]!r} is neither like {example} nor off; it stays {last}.")
        return last
    return plan


def _watched(model: RegisteredModel, last: bool, notes: list[str]) -> bool:
    text = _text(model, AUTO_ROLLBACK)
    value = flag(text) if text else True
    if value is None:
        stays = str(last).lower()
        notes.append(f"{model.name}: tag {AUTO_ROLLBACK} = {text[:40]!r} is neither true nor false; it stays {stays}.")
        return last
    return value


def _text(model: RegisteredModel, tag: str) -> str:
    return model.tags.get(tag, "").strip()


def to_json(memory: Mapping[str, Spell]) -> dict[str, Any]:
    """A document that `from_json` reads."""
    return {
        name: {
            "version": [spell.version.version, spell.version.created_ms, spell.version.source],
            "canary": spell.traffic.canary,
            "shadow": spell.traffic.shadow,
            "control": spell.traffic.control,
            "plan": str(spell.plan),
            "spent": dict(spell.spent),
            "watched": spell.watched,
        }
        for name, spell in sorted(memory.items())
        if spell.version is not None
    }


def from_json(document: Mapping[str, Any]) -> dict[str, Spell]:
    """What `to_json` wrote."""
    return {
        name: Spell(
            VersionId(name, *each["version"]),
            Traffic(float(each["canary"]), float(each["shadow"]), float(each.get("control", 0.0))),
            read_plan(each.get("plan", "")) or OFF,
            dict(each["spent"]),
            bool(each.get("watched", True)),
        )
        for name, each in document.items()
    }
