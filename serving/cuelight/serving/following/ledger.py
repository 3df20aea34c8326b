"""What the follower remembers across restarts: how far each version has come, and who arrived on which track when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cuelight.kit import files
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.registry.model import VersionId
from cuelight.registry.tracks import TrackMemory
from cuelight.registry.traffic import Spell, from_json, to_json
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts import recall
from cuelight.serving.rollouts.recall import Recall


@dataclass(frozen=True)
class _Page:
    facts: Mapping[VersionId, Fact] = field(default_factory=dict)
    pins: Mapping[VersionId, str] = field(default_factory=dict)
    bases: Mapping[VersionId, str] = field(default_factory=dict)
    tracks: TrackMemory = field(default_factory=TrackMemory)
    traffic: Mapping[str, Spell] = field(default_factory=dict)
    recalls: tuple[Recall, ...] = ()


class Ledger:
    """Facts by version, kept in one file that is replaced whole when something changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._page = self._read()
        self._unsaved = False

    @property
    def facts(self) -> Mapping[VersionId, Fact]:
        """What is known, by version."""
        return self._page.facts

    @property
    def tracks(self) -> TrackMemory:
        """The order in which versions arrived on their tracks."""
        return self._page.tracks

    @property
    def traffic(self) -> Mapping[str, Spell]:
        """What each model's traffic was last set to, and for which version."""
        return self._page.traffic

    @property
    def recalls(self) -> tuple[Recall, ...]:
        """Versions that were rolled back."""
        return self._page.recalls

    def pin(self, version: VersionId) -> str:
        """The digest that this version had when it was first seen; empty if it was not."""
        return self._page.pins.get(version, "")

    def learn(self, version: VersionId, fact: Fact, basis: str = "") -> None:
        """Remember a fact, and for a refusal what it rests on."""
        facts = {**self._page.facts, version: fact}
        pins = {**self._page.pins, version: fact.digest} if fact.digest else self._page.pins
        bases = {**self._page.bases, version: basis}
        self._write(replace(self._page, facts=facts, pins=pins, bases=bases))

    def learn_tracks(
        self, memory: TrackMemory, spells: Mapping[str, Spell], recalls: tuple[Recall, ...] | None = None
    ) -> None:
        """Remember arrivals, what traffic was set to, and rollbacks; and save what a full disk did not take before."""
        kept = self._page.recalls if recalls is None else recalls
        if self._unsaved or (memory, spells, kept) != (self._page.tracks, self._page.traffic, self._page.recalls):
            self._write(replace(self._page, tracks=memory, traffic=spells, recalls=kept))

    def learn_recalls(self, recalls: tuple[Recall, ...]) -> None:
        """Remember rollbacks, between readings."""
        self.learn_tracks(self._page.tracks, self._page.traffic, recalls)

    def reconsider(self, version: VersionId, basis: str) -> bool:
        """Forget a refusal that rests on something else than `basis`; True if there was one."""
        fact = self._page.facts.get(version)
        if fact is None or fact.phase != Phase.REFUSED or self._page.bases.get(version) == basis:
            return False
        self.learn(version, replace(fact, phase=Phase.UNKNOWN, reason=""))
        return True

    def _write(self, page: _Page) -> None:
        self._page, self._unsaved = page, True
        files.replace(self._path, json.dumps(_document(page)).encode())
        self._unsaved = False

    def _read(self) -> _Page:
        try:
            return _page(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return _Page()
        except (ValueError, KeyError, TypeError, CuelightError) as error:
            Log("serving.ledger").warning("ledger-unreadable", f"{self._path}: {error}; every version is tried anew")
            return _Page()


def _document(page: _Page) -> dict[str, Any]:
    versions = {*page.facts, *page.pins}
    return {
        "versions": [
            {
                "id": asdict(each),
                "fact": asdict(page.facts.get(each, Fact())),
                "pin": page.pins.get(each, ""),
                "basis": page.bases.get(each, ""),
            }
            for each in sorted(versions)
        ],
        "tracks": page.tracks.to_json(),
        "traffic": to_json(page.traffic),
        "recalls": recall.to_json(page.recalls),
    }


def _page(document: Mapping[str, Any]) -> _Page:
    rows = [(VersionId(**row["id"]), row) for row in document["versions"]]
    return _Page(
        {each: Fact(**{**row["fact"], "phase": Phase(row["fact"]["phase"])}) for each, row in rows},
        {each: row["pin"] for each, row in rows if row["pin"]},
        {each: row["basis"] for each, row in rows},
        TrackMemory.from_json(document["tracks"]),
        from_json(document.get("traffic", {})),
        recall.from_json(document.get("recalls", [])),
    )
