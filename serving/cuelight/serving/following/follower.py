"""The follower: one process per host that turns what the registry says into what the workers serve.

Each tick gathers a `View`, asks `policy.decide` for one action, and carries it out. Reading the registry, fetching
and trying versions, and writing tags run in threads of their own: a tick never waits for any of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from cuelight.kit import files
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError, Misconfigured
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.registry.model import ModelVersion, VersionId
from cuelight.registry.port import Registry
from cuelight.registry.tracks import alias_map
from cuelight.serving.following import policy
from cuelight.serving.following.demand import Demand
from cuelight.serving.following.desk import Desk
from cuelight.serving.following.errand import Errand
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.notices import Notices
from cuelight.serving.following.outlook import Outlook
from cuelight.serving.following.policy import View
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.presence import Presence
from cuelight.serving.following.refusals import Refusals
from cuelight.serving.following.rehearsals import Rehearsals
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.following.rollbacks import Rollbacks
from cuelight.serving.following.setbacks import Setbacks
from cuelight.serving.following.stock import Stock
from cuelight.serving.following.strangers import sentence, strangers
from cuelight.serving.following.watcher import Reading, Watcher
from cuelight.serving.following.waves import undecided
from cuelight.serving.host.board import Board
from cuelight.serving.host.changes import changes
from cuelight.serving.host.company import Company
from cuelight.serving.host.deployment import Deployment, Generations
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.orders import Orders
from cuelight.serving.host.places import Places
from cuelight.serving.rollouts.bakes import ends
from cuelight.serving.rollouts.walks import Walks
from cuelight.serving.versions.store import ModelStore

_BUSY_SECONDS, _IDLE_SECONDS = 0.005, 0.2
_REST_SECONDS, _LONGEST_REST_SECONDS = 1.0, 60.0
_LONGEST_REASON = 1000


class Follower:
    """Follows one registry for one host."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        preparation: Preparation,
        reporter: Reporter,
        clock: Clock | None = None,
        company: Company | None = None,
        presence: Presence | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._log = Log("serving.follower")
        self._places = Places(settings.serving_folder)
        self._board = Board(self._places.board)
        self._generations = Generations(self._places.generations)
        self._store = ModelStore(self._places.store)
        self._ledger = Ledger(self._places.ledger)
        self._stock = Stock(self._store, self._ledger, preparation, settings.serving_store_bytes)
        self._preparation = preparation
        self._reporter = reporter
        patience = settings.serving_prepare_seconds
        self._rehearsals = Rehearsals(
            self._board, self._places.failures, self._clock, patience, patience + settings.trial_seconds
        )
        self._wake = threading.Event()
        self._errand = Errand(self._wake.set)
        self._demand = Demand(self._places, self._store, self._ledger, preparation, self._wake.set, self._clock)
        self._committed = self._generations.in_charge(self._board.committed)
        expecting = bool(self._committed.tracks)
        self._watcher = Watcher(registry, settings.registry_poll_seconds, self._wake.set, clock, expecting)
        self._lock = -1
        self._told: dict[VersionId, str] = {}
        self._refusals = Refusals(self._ledger, preparation, self._clock)
        self._drops = Setbacks[str](_REST_SECONDS, _LONGEST_REST_SECONDS)
        self._rest_until = 0.0
        self._reading: Reading | None = None
        self._company = company or Company(settings)
        self._presence = presence or Presence(settings, self._company)
        self._presence.unread = lambda: self._watcher.unread
        self._walks = Walks(self._company.rollouts, self._presence.leads)
        aliases = alias_map(settings.track_production, settings.track_staging)
        self._outlook = outlook = Outlook(self._ledger, aliases, self._walks)
        self._desk = Desk(Orders(self._places.orders), self._ledger, self._stock.is_usable)
        self._rollbacks = Rollbacks(settings, self._ledger, outlook, self._presence, self._company, self._clock)
        self._bakes = self._rollbacks.bakes
        self._notices = Notices(settings, reporter, self._presence, outlook, self._ledger, self._stock, self._walks)
        self._handlers: Mapping[type, Callable[..., None]] = {
            policy.Fetch: self._fetch,
            policy.Try: self._try,
            policy.Prepare: self._prepare,
            policy.Commit: self._commit,
            policy.Abandon: self._abandon,
        }

    def start(self) -> None:
        """Take up where the last follower left off, and begin to read the registry.

        Raises:
            Misconfigured: another follower works in the same folder.
        """
        self._lock = files.lock(self._places.lock)
        if self._lock < 0:
            where = self._settings.serving_folder
            raise Misconfigured(f"Another follower works in {where}: stop it, or give this one its own home.")
        if self._board.committed != self._committed.generation:
            self._board.commit(self._committed.generation)
        self._board.abandon()
        self._store.discard_drafts()
        for digest in self._store.discard_altered(each.digest for each in self._committed.residents()):
            self._log.error("store-altered", "A served version was altered on disk; it is fetched anew.", digest=digest)
        self._rehearsals.forget()
        self._bakes.begin(self._committed)
        self._places.orders.mkdir(exist_ok=True)
        self._introduce()
        self._presence.start()
        self._reporter.start()
        self._watcher.start()

    def stop(self) -> None:
        """End the threads; a fetch or trial that runs is left to its own time-out."""
        self._watcher.stop()
        self._reporter.stop()
        self._errand.stop()
        self._demand.stop()
        self._presence.stop()
        self._company.leave()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def hurry(self) -> None:
        """Somebody edited a model: read the registry now, not at the next poll."""
        self._watcher.hurry()

    def pause(self) -> float:
        """Seconds until the next tick is due; returns early when something came in."""
        if self._rehearsals.deployment is not None:
            return _BUSY_SECONDS
        if self._wake.wait(_IDLE_SECONDS):
            self._wake.clear()
        return 0.0

    def tick(self) -> str:
        """Gather, decide, act; the sentence says what was done and why."""
        self._collect()
        self._take_reading()
        self._notices.tell(self._desk.attend(self._committed, self._outlook.versions))
        self._judge()
        view = self._view()
        action = policy.decide(view)
        handler = self._handlers.get(type(action))
        if handler:
            handler(action)
        elif self._reading is None:
            return "waiting for a first good reading of the registry; serving what was served"
        idle = handler is None and not self._errand.version and self._rehearsals.deployment is None
        if idle and self._reading and not undecided(view.held, view.wishes, self._presence.roles):
            self._board.note_settled(self._reading.at)
        self._attend(idle)
        return action.sentence

    def _attend(self, idle: bool) -> None:
        """What callers ask for, once nothing on a track is waited for."""
        if self._reading and self._demand.tick(self._reading.snapshot, {*self._outlook.versions.values()}, idle):
            self._report()
            self._clean()

    # Gathering

    def _take_reading(self) -> None:
        reading = self._watcher.latest
        if reading is None or reading is self._reading:
            return
        self._board.note_reading(reading.at)
        self._reading = reading
        self._notices.tell(self._outlook.take(reading.snapshot, self._committed.tracks))
        for version in self._outlook.versions.values():
            self._refusals.review(self._version(version))
        # With a reading and never without: no share is raised while nobody could stop it in MLflow.
        spells = self._outlook.sharing.memory
        self._walks.advance(spells, self._committed, self._bakes.canary, self._clock.now())
        self._report()

    def _judge(self) -> None:
        """Take back whatever does worse than the version beside it."""
        if lines := self._rollbacks.look():
            self._notices.tell(lines)
            self._report()

    def _view(self) -> View:
        wishes = self._outlook.wishes()
        return View(
            now=self._clock.now(),
            bake_seconds=self._settings.serving_bake_seconds,
            committed=self._committed,
            wishes=wishes,
            removed=self._outlook.removed(),
            aliases=self._outlook.aliases(self._committed),
            traffic=self._outlook.traffic(self._committed),
            personal=self._outlook.personal(self._committed),
            recalls=tuple(each for each in self._ledger.recalls if each.in_force),
            facts=self._stock.facts(wishes),
            busy=self._errand.sentence or self._demand.under_way(each.id for each in wishes.values()),
            rehearsal=self._rehearsals.look(),
            held=self._notices.held(self._committed, wishes),
            resting=self._clock.monotonic() < self._rest_until,
            next_generation=self._next_generation(),
        )

    def _next_generation(self) -> int:
        return max(self._board.committed, self._board.target, self._generations.newest()) + 1

    # Acting

    def _fetch(self, action: policy.Fetch) -> None:
        version = self._version(action.wish.id)
        pinned = self._ledger.pin(version.id)
        self._begin(action.sentence, version, lambda: self._preparation.fetch(version, pinned))

    def _try(self, action: policy.Try) -> None:
        version = self._version(action.wish.id)
        fact = self._ledger.facts[version.id]
        self._begin(action.sentence, version, lambda: self._preparation.attempt(version, fact))

    def _begin(self, sentence: str, version: ModelVersion, work: Callable[[], Fact]) -> None:
        self._errand.begin(sentence, version.id, self._refusals.basis(version), work)

    def _collect(self) -> None:
        found = self._errand.collect(self._clock.now())
        if found:
            self._learn(found.version, found.fact, found.basis)
            if found.fact.phase == Phase.REFUSED:
                self._clean()

    def _learn(self, version: VersionId, fact: Fact, basis: str) -> None:
        """Remember a fact, and tell people of a refusal once."""
        if len(fact.reason) > _LONGEST_REASON:
            fact = replace(fact, reason=fact.reason[:_LONGEST_REASON] + "...")
        fact = self._refusals.dated(version, fact)
        self._ledger.learn(version, fact, basis)
        self._log.info("version", fact.reason, model=version.name, version=version.version, phase=fact.phase.value)
        if fact.phase == Phase.REFUSED and self._told.get(version) != fact.reason:
            self._told[version] = fact.reason
            self._reporter.record("refused", version.name, version.version, reason=fact.reason)
        self._report()

    def _prepare(self, action: policy.Prepare) -> None:
        self._generations.write(action.deployment, self._board.committed)
        self._rehearsals.begin(action.deployment)
        self._introduce()
        self._log.info("prepare", action.sentence, generation=action.deployment.generation)

    def _commit(self, action: policy.Commit) -> None:
        before, self._committed = self._committed, action.deployment
        self._rehearsals.end()
        self._generations.note_committed(action.deployment.generation)
        ended = self._bakes.begin(action.deployment)
        self._board.commit(action.deployment.generation)
        self._drops.clear("")
        for served in action.deployment.tracks.values():
            self._refusals.forget(served.id)
            self._told.pop(served.id, None)
        self._notices.note_switches(before, action.deployment, self._clock.now())
        self._log.info("commit", action.sentence, generation=action.deployment.generation)
        self._notices.tell(changes(before, action.deployment))
        self._notices.tell(ends(ended, action.deployment))
        self._warn_of_strangers(before)
        self._report()
        self._clean()

    def _warn_of_strangers(self, before: Deployment) -> None:
        known = list(strangers(before, self._store))
        for line in strangers(self._committed, self._store):
            if line not in known:
                self._log.warning("personal-unknown", sentence(line))
                self._notices.tell([line])

    def _abandon(self, action: policy.Abandon) -> None:
        self._board.abandon()
        self._rehearsals.end()
        self._rest_until = self._clock.monotonic() + self._drops.add("")
        new = {
            served.id: served
            for key, served in action.deployment.tracks.items()
            if key not in self._committed.tracks or self._committed.tracks[key].id != served.id
        }
        for served in new.values():
            if not action.culprits or served.digest in action.culprits:
                fact = Fact(Phase.REFUSED, served.digest, served.signed_by, action.sentence, self._clock.now())
                self._learn(served.id, fact, self._basis_of(served.id))
        self._introduce()

    def _clean(self) -> None:
        under_way = (self._errand.version, self._demand.version)
        wanted = {*self._outlook.versions.values(), *(each for each in under_way if each)}
        preparing = self._rehearsals.deployment
        self._stock.clean((self._committed, *((preparing,) if preparing else ())), wanted)

    def _introduce(self) -> None:
        self._notices.introduce(self._committed, self._rehearsals.deployment)

    def _report(self) -> None:
        self._notices.report(self._committed, self._rehearsals.deployment)

    def _version(self, version: VersionId) -> ModelVersion:
        found = self._outlook.find(version)
        assert found is not None
        return found

    def _basis_of(self, version: VersionId) -> str:
        known = self._outlook.find(version)
        try:
            return self._refusals.basis(known) if known else ""
        except CuelightError:
            return ""
