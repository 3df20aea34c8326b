"""The follower: one process per host that turns what the registry says into what the workers serve.

Each tick gathers a `View`, asks `policy.decide` for one action, and carries it out. Reading the registry, fetching
and trying versions, and writing tags run in threads of their own: a tick never waits for any of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.kit.settings import Settings
from cuelight.registry.model import ModelVersion, Snapshot, VersionId
from cuelight.registry.port import Registry
from cuelight.registry.tracks import Assignment, alias_map, assign
from cuelight.serving import board as cue
from cuelight.serving import policy
from cuelight.serving.deployment import Deployment, Generations, Key
from cuelight.serving.ledger import Ledger
from cuelight.serving.places import Places
from cuelight.serving.policy import Fact, Phase, View, Wish
from cuelight.serving.reporter import Reporter, statuses
from cuelight.serving.standby import Preparation
from cuelight.serving.store import ModelStore
from cuelight.serving.watcher import Reading, Watcher

_BUSY_SECONDS, _IDLE_SECONDS = 0.005, 0.2
_RETRY_SECONDS = 30.0


class Follower:
    """Follows one registry for one host."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        preparation: Preparation,
        reporter: Reporter,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._log = Log("serving.follower")
        self._places = Places(settings.serving_folder)
        self._board = cue.Board(self._places.board)
        self._generations = Generations(self._places.generations)
        self._store = ModelStore(self._places.store)
        self._ledger = Ledger(self._places.ledger)
        self._preparation = preparation
        self._reporter = reporter
        self._wake = threading.Event()
        self._watcher = Watcher(registry, settings.registry_poll_seconds, self._wake.set, clock)
        self._aliases = alias_map(settings.track_production, settings.track_staging)
        self._jobs = ThreadPoolExecutor(1, thread_name_prefix="preparation")
        self._job: tuple[str, VersionId, str, Future[Fact]] | None = None
        self._committed = self._last_committed()
        self._preparing: Deployment | None = None
        self._preparing_since = 0.0
        self._reading: Reading | None = None
        self._assignment: Assignment | None = None
        self._absent: dict[Key, int] = {}
        self._handlers: Mapping[type, Callable[..., None]] = {
            policy.Fetch: self._fetch,
            policy.Try: self._try,
            policy.Prepare: self._prepare,
            policy.Commit: self._commit,
            policy.Abandon: self._abandon,
        }

    def start(self) -> None:
        """Take up where the last follower left off, and begin to read the registry."""
        self._board.abandon()
        self._store.discard_drafts()
        shutil.rmtree(self._places.failures, ignore_errors=True)
        self._reporter.start()
        self._watcher.start()

    def stop(self) -> None:
        """End the threads; a fetch or trial that runs is left to its own time-out."""
        self._watcher.stop()
        self._reporter.stop()
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def pause(self) -> float:
        """Seconds until the next tick is due; returns early when something came in."""
        if self._preparing is not None:
            return _BUSY_SECONDS
        if self._wake.wait(_IDLE_SECONDS):
            self._wake.clear()
        return 0.0

    def tick(self) -> str:
        """Gather, decide, act; the sentence says what was done and why."""
        self._collect_job()
        self._take_reading()
        if self._assignment is None:
            return "waiting for a first good reading of the registry; serving what was served"
        action = policy.decide(self._view())
        handler = self._handlers.get(type(action))
        if handler:
            handler(action)
        return action.sentence

    # Gathering

    def _take_reading(self) -> None:
        reading = self._watcher.latest
        if reading is None or reading is self._reading:
            return
        self._reading = reading
        self._board.note_reading(reading.at)
        assignment = assign(reading.snapshot, self._ledger.tracks, self._aliases)
        self._ledger.learn_tracks(assignment.memory)
        for note in (*assignment.notes, *(str(each) for each in assignment.losers)):
            if self._assignment is None or note not in _remarks(self._assignment):
                self._log.warning("registry-remark", note)
        self._assignment = assignment
        for key in self._committed.tracks:
            self._absent[key] = 0 if key in assignment.winners else self._absent.get(key, 0) + 1
        for claim in assignment.winners.values():
            if self._ledger.facts.get(claim.version, Fact()).phase == Phase.REFUSED:
                basis = self._preparation.basis(_find(reading.snapshot, claim.version))
                self._ledger.reconsider(claim.version, basis)
        self._report()

    def _view(self) -> View:
        assignment, reading = self._assignment, self._reading
        assert assignment is not None
        assert reading is not None
        wishes = {
            key: Wish(claim.version, _find(reading.snapshot, claim.version).run_id, claim.how.replace(":", " "))
            for key, claim in assignment.winners.items()
        }
        return View(
            now=self._clock.now(),
            bake_seconds=self._settings.serving_bake_seconds,
            committed=self._committed,
            wishes=wishes,
            removed=frozenset(key for key, times in self._absent.items() if times >= 2 and key not in wishes),
            aliases={name: dict(model.aliases) for name, model in reading.snapshot.models.items()},
            facts=self._facts(wishes),
            busy=self._job[0] if self._job else "",
            rehearsal=self._rehearsal(),
            next_generation=self._next_generation(),
        )

    def _facts(self, wishes: Mapping[Key, Wish]) -> dict[VersionId, Fact]:
        """The ledger's facts, but a version whose files have left the store is unknown."""
        facts = {}
        for wish in wishes.values():
            fact = self._ledger.facts.get(wish.id, Fact())
            here = fact.phase in (Phase.UNKNOWN, Phase.REFUSED) or self._store.has(fact.digest)
            facts[wish.id] = fact if here else Fact()
        return facts

    def _rehearsal(self) -> policy.Rehearsal | None:
        deployment = self._preparing
        if deployment is None:
            return None
        workers = self._board.workers()
        failed = [each for each in workers if each.failed == deployment.generation]
        if failed:
            return policy.Rehearsal(deployment, failed=self._failure(deployment, failed[0]))
        behind = [each for each in workers if each.loaded < deployment.generation]
        patience = self._settings.serving_prepare_seconds
        silent = [each for each in behind if self._clock.now() - each.beat > patience]
        for worker in silent:
            self._replace(worker)
        longest = patience + self._settings.trial_seconds
        if behind and self._clock.monotonic() - self._preparing_since > longest:
            return policy.Rehearsal(deployment, failed=f"{len(behind)} workers did not load it within {longest:.0f} s")
        return policy.Rehearsal(deployment, waiting=len(behind) - len(silent))

    def _failure(self, deployment: Deployment, worker: cue.Worker) -> str:
        path = self._places.failures / f"{deployment.generation}-{worker.slot}.json"
        try:
            return str(json.loads(path.read_text()))
        except (OSError, ValueError):
            return "a worker could not load it"

    def _replace(self, worker: cue.Worker) -> None:
        """Kill a worker that gives no sign of life: gunicorn starts another, and what it held is never served late."""
        self._log.warning("worker-replaced", "It did not stand by in time.", pid=worker.pid)
        if cue.started(worker.pid) == worker.started:
            os.kill(worker.pid, signal.SIGKILL)
        self._board.release(worker.slot)

    def _next_generation(self) -> int:
        return max(self._board.committed, self._board.target, self._generations.newest()) + 1

    # Acting

    def _fetch(self, action: policy.Fetch) -> None:
        version = self._version(action.wish)
        pinned = self._ledger.pin(version.id)
        self._begin(action.sentence, version, lambda: self._preparation.fetch(version, pinned))

    def _try(self, action: policy.Try) -> None:
        version = self._version(action.wish)
        fact = self._ledger.facts[version.id]
        self._begin(action.sentence, version, lambda: self._preparation.attempt(version, fact))

    def _begin(self, sentence: str, version: ModelVersion, work: Callable[[], Fact]) -> None:
        basis = self._preparation.basis(version)
        future = self._jobs.submit(work)
        self._job = (sentence, version.id, basis, future)
        future.add_done_callback(lambda _: self._wake.set())

    def _collect_job(self) -> None:
        if self._job is None or not self._job[3].done():
            return
        _, version, basis, future = self._job
        self._job = None
        try:
            fact = future.result()
        except Exception as error:  # noqa: BLE001  an unforeseen fault refuses one version, not the follower
            self._log.exception("preparation-failed", error)
            reason = f"Preparing it failed unexpectedly ({type(error).__name__}); see the follower's log."
            fact = Fact(Phase.REFUSED, reason=reason, retry_at=self._clock.now() + _RETRY_SECONDS)
        self._learn(version, fact, basis)

    def _learn(self, version: VersionId, fact: Fact, basis: str) -> None:
        self._ledger.learn(version, fact, basis)
        self._log.info("version", fact.reason, model=version.name, version=version.version, phase=fact.phase.value)
        if fact.phase == Phase.REFUSED:
            self._reporter.record("refused", version.name, version.version, reason=fact.reason)
        self._report()

    def _prepare(self, action: policy.Prepare) -> None:
        self._generations.write(action.deployment, self._board.committed)
        self._preparing, self._preparing_since = action.deployment, self._clock.monotonic()
        self._board.prepare(action.deployment.generation)
        self._log.info("prepare", action.sentence, generation=action.deployment.generation)

    def _commit(self, action: policy.Commit) -> None:
        before, self._committed = self._committed, action.deployment
        self._preparing = None
        self._board.commit(action.deployment.generation)
        self._absent = {key: times for key, times in self._absent.items() if key in self._committed.tracks}
        self._log.info("commit", action.sentence, generation=action.deployment.generation)
        self._record_changes(before, action.deployment)
        self._report()
        self._clean()

    def _abandon(self, action: policy.Abandon) -> None:
        self._board.abandon()
        self._preparing = None
        retry = self._clock.now() + _RETRY_SECONDS
        for key, served in action.deployment.tracks.items():
            current = self._committed.tracks.get(key)
            if current is None or current.id != served.id:
                fact = Fact(Phase.REFUSED, served.digest, served.signed_by, action.sentence, retry)
                self._learn(served.id, fact, self._basis_of(served.id))

    def _clean(self) -> None:
        needed = {each.digest for each in self._committed.residents()}
        needed |= {each.digest for each in self._ledger.facts.values() if each.phase == Phase.FETCHED}
        for digest in self._store.surplus(self._settings.serving_store_bytes, needed):
            self._store.remove(digest)

    # Reporting

    def _record_changes(self, before: Deployment, after: Deployment) -> None:
        for key in sorted({*before.tracks, *after.tracks}):
            old, new = before.tracks.get(key), after.tracks.get(key)
            if (old and old.id) == (new and new.id):
                continue
            self._reporter.record(
                "switched",
                key[0],
                new.id.version if new else None,
                track=key[1].value,
                before=old.id.version if old else None,
                why=new.why if new else "taken off",
                generation=after.generation,
                run_id=new.run_id if new else "",
            )

    def _report(self) -> None:
        if self._reading is None or self._assignment is None:
            return
        wanted = frozenset(claim.version for claim in self._assignment.winners.values())
        content = statuses(self._ledger.facts, wanted, self._committed, self._assignment.losers)
        self._reporter.tell(self._reading.snapshot, content)

    def _last_committed(self) -> Deployment:
        try:
            return self._generations.read(self._board.committed)
        except (OSError, ValueError, KeyError) as error:
            self._log.error("deployment-unreadable", f"generation {self._board.committed}: {error}; starting anew")
            return Deployment()

    def _version(self, wish: Wish) -> ModelVersion:
        assert self._reading is not None
        return _find(self._reading.snapshot, wish.id)

    def _basis_of(self, version: VersionId) -> str:
        assert self._reading is not None
        model = self._reading.snapshot.models.get(version.name)
        known = model.versions.get(version.version) if model else None
        try:
            return self._preparation.basis(known) if known else ""
        except CuelightError:
            return ""


def _find(snapshot: Snapshot, version: VersionId) -> ModelVersion:
    return snapshot.models[version.name].versions[version.version]


def _remarks(assignment: Assignment) -> set[str]:
    return {*assignment.notes, *(str(each) for each in assignment.losers)}
