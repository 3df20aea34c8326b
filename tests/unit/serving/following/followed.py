"""A follower without its threads, for tests that take it step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion, Track
from cuelight.serving.following.follower import Follower
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.presence import Presence
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.host.facts import Fact, Phase
from tests.unit.serving.room import Room

PROD = Track.PRODUCTION


class Untried(Preparation):
    """Fetches as ever, and takes what was fetched for good, or refuses the versions named: trials have tests."""

    refused: frozenset[int] = frozenset()

    def attempt(self, version: ModelVersion, fact: Fact) -> Fact:
        if version.version in self.refused:
            return replace(fact, phase=Phase.REFUSED, reason="It was tried in vain.")
        return replace(fact, phase=Phase.READY)


@dataclass
class Followed:
    """A follower without its threads: readings come when they are asked for, and its jobs are waited for."""

    room: Room
    registry: MemoryRegistry
    home: Path
    clock: Any
    lines: list[tuple[str, str, int | None]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    presence: Presence | None = None

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new follower in the place of the last."""
        settings = Settings(home=self.home, registry_artifact_roots="file:", trial_requirements=False, **self.settings)
        self.preparation = Untried(self.registry, self.room.store, settings, lambda _model: [])
        self.reporter = Reporter(self.registry, lambda *line: self.lines.append(line[:3]), aliases="champion")
        parts = self.preparation, self.reporter, self.clock
        self.follower = Follower(self.registry, settings, *parts, presence=self.presence)

    def read(self) -> None:
        """One reading of the registry."""
        self.follower._watcher.poll()

    def settle(self, read: bool = True) -> str:
        """Tick, with what that begins, until there is nothing more to do; the last sentence."""
        if read:
            self.read()
        for _ in range(100):
            sentence = self.follower.tick()
            if self.follower._errand.sentence:
                self.follower._errand.wait()
            elif sentence.startswith(("serving", "waiting", "generation")) and "committed" not in sentence:
                return sentence
        raise AssertionError(sentence)

    def add(self, name: str, model: str, stage: str = "Production", **content: str) -> int:
        """A version of `name` that is the library's `model`, in a stage."""
        self.registry.create_model(name)
        made = self.registry.create_version(name, str(self.room.library(model)), "r", content)
        self.registry.set_stage(name, made.version, stage)
        return made.version

    def served(self) -> dict[str, int]:
        """Production's versions by model."""
        tracks = self.room.generations.read(self.room.board.committed).tracks
        return {name: each.id.version for (name, track), each in tracks.items() if track == PROD}

    def fact(self, name: str, version: int) -> Fact:
        """What the ledger knows."""
        facts = self.follower._ledger.facts
        return next((fact for each, fact in facts.items() if (each.name, each.version) == (name, version)), Fact())

    def stand_by(self, slot: int) -> int:
        """Tick until something is being prepared, as a worker in `slot` that has loaded nothing; its generation."""
        self.read()
        while self.room.board.target == self.room.board.committed:
            self.follower.tick()
            self.follower._errand.wait()
        assert any(each.slot == slot for each in self.room.board.workers())
        return self.room.board.target

    def fail(self, slot: int, generation: int, digests: list[str]) -> None:
        """The worker in `slot` says that it can't load these."""
        self.room.places.failures.mkdir(exist_ok=True)
        reason = {"reason": "no memory", "digests": digests}
        (self.room.places.failures / f"{generation}-{slot}.json").write_text(json.dumps(reason))
        self.room.board.fail(slot, generation)
