"""Rollbacks that nobody orders: what does worse than the version beside it is taken back, seen here or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from cuelight.kit.clock import Clock
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.registry.model import Track
from cuelight.serving.following.hearsay import words
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.outlook import Outlook
from cuelight.serving.following.presence import Presence
from cuelight.serving.host.changes import Line
from cuelight.serving.host.company import Company
from cuelight.serving.rollouts import meters
from cuelight.serving.rollouts.bake import Rule
from cuelight.serving.rollouts.bakes import Bakes, Conviction
from cuelight.serving.rollouts.labelled import Labelled
from cuelight.serving.rollouts.recall import Recall


class Rollbacks:
    """One host's, by its `bakes`; they become recalls in the ledger."""

    def __init__(
        self, settings: Settings, ledger: Ledger, outlook: Outlook, presence: Presence, company: Company, clock: Clock
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._outlook = outlook
        self._presence = presence
        self._clock = clock
        self._log = Log("serving.follower")
        rule = Rule(
            settings.rollback_false_alarms,
            settings.rollback_least,
            settings.rollback_enough,
            settings.rollback_tolerated_percent / 100,
            settings.serving_timeout_seconds,
        )
        counts, labelled = meters.Pool(lambda: company.metrics), Labelled(settings.journal_folder, clock.now)
        self.bakes = Bakes(counts.read, labelled.read, rule, clock.now, lambda: presence.parts, settings.host_name)

    def look(self) -> list[Line]:
        """One look at what bakes; what was taken back, for the history."""
        self.bakes.look()
        self._presence.count(self.bakes.parts())
        return [worse.line() for worse in self._due()]

    def _due(self) -> Iterator[Conviction]:
        recalled = {each.version for each in self._ledger.recalls if each.in_force}
        for worse in (*self.bakes.worse(), *self._hearsay()):
            model, version = worse.key[0], worse.case.candidate.id
            if version in recalled or (self._outlook.snapshot is None and worse.key[1] == Track.STAGING):
                continue  # before a first reading it can't be said which share of a canary is spent
            if self._settings.rollback_auto and model not in self._outlook.sharing.unwatched:
                # The other replicas follow the registry, and nobody but that.
                move = self._settings.rollback_move_stage or self._presence.several
                self._recall(worse.recall(self._clock.now(), move))
                recalled.add(version)
                yield worse

    def _hearsay(self) -> Iterator[Conviction]:
        """What others took back and can't say in the registry: who speaks for all does."""
        if self._presence.leads():
            for word in words(self._presence.heard, self._settings.hosts_silent_seconds):
                yield from self.bakes.convicted(*word)

    def _recall(self, recall: Recall) -> None:
        """Serve the version before from now on; where it was a canary, end its share."""
        model = recall.version.name
        spells = self._ledger.traffic if recall.instead else self._outlook.withdraw(model)
        others = (each for each in self._ledger.recalls if each.version != recall.version)
        self._ledger.learn_tracks(self._ledger.tracks, spells, (*others, recall))
        self._log.warning("rolled-back", recall.reason, model=model, version=recall.version.version, track=recall.track)
