"""What will happen if a version is moved into Production, in words, from the registry's state. Pure."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cuelight.kit.errors import NotFound, Refused
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion, RegisteredModel, Track
from cuelight.registry.percent import percent


class Act(StrEnum):
    """What a person asks for."""

    PROMOTE = "promote"
    ROLL_BACK = "rollback"


@dataclass(frozen=True)
class Plan:
    """One act on a model.

    Attributes:
        comes: the version that will be in Production.
        says: what will happen, sentence by sentence.
        notes: what to know before: what the version's gate said.
        command: the same as a command.
        rests_on: a digest of what was read; another one means that the sentences may be wrong by now.
    """

    act: Act
    model: str
    comes: int
    says: tuple[str, ...]
    notes: tuple[str, ...]
    command: str
    rests_on: str


def plan(act: Act, model: RegisteredModel, comes: int, aliases: Collection[str]) -> Plan:
    """Of a version that is moved into Production, with those of `aliases` that the model has.

    Raises:
        NotFound: the model has no such version.
        Refused: it is in Production already, alone and with the aliases.
    """
    if comes not in model.versions:
        known = ", ".join(map(str, model.versions)) or "none"
        raise NotFound(f"{model.name} has no version {comes}. It has: {known}.")
    version = model.versions[comes]
    leaves = [number for number, each in model.versions.items() if each.stage == Track.PRODUCTION and number != comes]
    moved = {name: number for name, number in model.aliases.items() if name in aliases and number != comes}
    if version.stage == Track.PRODUCTION and not leaves and not moved:
        raise Refused(f"Version {comes} of {model.name} is in Production already.")
    says = tuple(_says(act, model, version, leaves, moved))
    notes = tuple(filter(None, [version.tags.get(tags.GATE_REASON, "")]))
    return Plan(act, model.name, comes, says, notes, _command(act, model, comes, aliases), _digest(model))


def _says(
    act: Act, model: RegisteredModel, version: ModelVersion, leaves: list[int], moved: dict[str, int]
) -> Iterator[str]:
    comes, before = version.version, max(leaves, default=None)
    again = " again" if act == Act.ROLL_BACK else ""
    kept = percent(model.tags.get(tags.CONTROL, "")) if before and act == Act.PROMOTE else 0.0
    share = f"{100.0 - (kept or 0.0):g} %"
    yield f"Version {comes} answers{again} {share} of the requests for Production, once it is fetched and tried."
    if before and kept:
        yield f"Version {before} keeps {kept:g} % of them while version {comes} is new (tag {tags.CONTROL})."
    if before:
        yield f"Until then, and if version {comes} is refused, version {before} goes on: no request fails."
        gone = " and ".join(f"version {each}" for each in sorted(leaves))
        yield f"In MLflow {gone} {'is' if len(leaves) == 1 else 'are'} archived."
    else:
        yield "No other version is in the stage Production."
    if version.stage == Track.STAGING:
        others = [each for each in model.versions.values() if each.stage == Track.STAGING and each is not version]
        yield "Staging is left to the others there." if others else "Staging is empty then; a canary's share ends."
    for name, number in moved.items():
        yield f"The alias {name} points at version {comes} in place of {number}."


def _command(act: Act, model: RegisteredModel, comes: int, aliases: Collection[str]) -> str:
    name = shlex.quote(model.name)
    if act == Act.ROLL_BACK:
        return f"cuelight rollback {name}"
    mine = [f" --alias {shlex.quote(each)}" for each in aliases if each in model.aliases]
    return f"cuelight promote {name} {comes} --archive-others{''.join(mine[:1])}"


def _digest(model: RegisteredModel) -> str:
    stages = sorted((number, each.stage, each.created_ms) for number, each in model.versions.items())
    state = repr((stages, sorted(model.aliases.items()), model.tags.get(tags.CONTROL, "")))
    return hashlib.sha256(state.encode()).hexdigest()[:32]
