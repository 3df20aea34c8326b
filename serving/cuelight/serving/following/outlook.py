"""What the registry asks of this host, by the last good reading; before a first one: what is committed already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cuelight.kit.log import Log
from cuelight.registry.model import ModelVersion, Snapshot, Track, VersionId
from cuelight.registry.personal import Personal, personal
from cuelight.registry.tracks import Assignment, assign
from cuelight.registry.traffic import Sharing, Spell, Traffic, over, share
from cuelight.registry.wave import Waves, waves
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.policy import Wish
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Deployment, Key
from cuelight.serving.rollouts.recall import review, settled
from cuelight.serving.rollouts.walks import Walks


class Outlook:
    """The newest reading held against what the ledger remembers of those before."""

    def __init__(self, ledger: Ledger, aliases: Mapping[str, Track], walks: Walks) -> None:
        self._ledger = ledger
        self._aliases = aliases
        self._walks = walks
        self._log = Log("serving.follower")
        self._absent: dict[Key, int] = {}
        self._remarks: frozenset[str] = frozenset()
        self.snapshot: Snapshot | None = None
        self.assignment: Assignment | None = None
        self.sharing = Sharing({})
        self.waves = Waves()

    def take(self, snapshot: Snapshot, committed: Iterable[Key]) -> list[Line]:
        """One more good reading; what it settles, for the history. `committed`: the tracks that are served."""
        assignment = assign(snapshot, self._ledger.tracks, self._aliases)
        sharing = share(snapshot, assignment.versions, self._ledger.traffic)
        canaries = {name for name, spell in sharing.memory.items() if spell.has_canary}
        recalls = review(self._ledger.recalls, assignment, snapshot, canaries)
        lines = list(settled(self._ledger.recalls, recalls, assignment))
        self._ledger.learn_tracks(assignment.memory, sharing.memory, recalls)
        self.waves = waves(snapshot)
        losers = (str(each) for each in assignment.losers)
        self._remark({*assignment.notes, *sharing.notes, *self.waves.notes, *losers})
        self.snapshot, self.assignment, self.sharing = snapshot, assignment, sharing
        self._absent = {key: 0 if key in assignment.winners else self._absent.get(key, 0) + 1 for key in committed}
        return lines

    def _remark(self, remarks: Iterable[str]) -> None:
        """Say what was not said of the reading before."""
        for each in sorted({*remarks} - self._remarks):
            self._log.warning("registry-remark", each)
        self._remarks = frozenset(remarks)

    @property
    def versions(self) -> Mapping[Key, VersionId]:
        """Who should be on each track."""
        return self.assignment.versions if self.assignment else {}

    def find(self, version: VersionId) -> ModelVersion | None:
        """A version as the registry has it."""
        model = self.snapshot.models.get(version.name) if self.snapshot else None
        return model.versions.get(version.version) if model else None

    def wishes(self) -> dict[Key, Wish]:
        """The same, with their runs, and why."""
        winners = self.assignment.winners if self.assignment else {}
        found = {key: (claim, self.find(claim.version)) for key, claim in winners.items()}
        return {
            key: Wish(claim.version, version.run_id, claim.how.replace(":", " "))
            for key, (claim, version) in found.items()
            if version
        }

    def removed(self) -> frozenset[Key]:
        """Tracks that two readings in a row had nobody on."""
        return frozenset(key for key, times in self._absent.items() if times >= 2 and key not in self.versions)

    def aliases(self, committed: Deployment) -> Mapping[str, Mapping[str, int]]:
        """Every model's aliases."""
        if self.snapshot is None:
            return committed.aliases
        return {name: dict(model.aliases) for name, model in self.snapshot.models.items()}

    def traffic(self, committed: Deployment) -> Mapping[str, Traffic]:
        """How people want each model's traffic shared."""
        return self._walks.shared(self.sharing.traffic, self.sharing.memory) if self.snapshot else committed.traffic

    def personal(self, committed: Deployment) -> Personal:
        """Which columns are personal; of a served model that a reading lacks, those of before."""
        if self.snapshot is None:
            return committed.personal
        gone = {name for name, _ in committed.tracks} - self.snapshot.models.keys()
        kept = {name: committed.personal[name] for name in gone & committed.personal.keys()}
        return {**kept, **personal(self.snapshot)}

    def withdraw(self, model: str) -> Mapping[str, Spell]:
        """End the share of a model's canary: what its tags say is spent. What to remember of all of them."""
        spells = self._ledger.traffic
        if self.snapshot and model in spells:
            spells = {**spells, model: over(self.snapshot.models[model], spells[model])}
            traffic = {**self.sharing.traffic, model: spells[model].traffic}
            self.sharing = replace(self.sharing, traffic=traffic, memory=spells)
        return spells
