"""The follower's part in versions that callers ask for by number: it says which there are, and brings those wanted.

One at a time, in a thread of its own, and none while something that a track wants is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

from cuelight.kit.clock import Clock
from cuelight.kit.log import Log
from cuelight.registry.key import key_column
from cuelight.registry.model import ModelVersion, Snapshot, VersionId
from cuelight.registry.personal import columns
from cuelight.serving.following.errand import Errand, Found
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.policy import LONGEST_RETRY_SECONDS
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.refusals import Refusals
from cuelight.serving.host import repertoire
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import Listed, Listing, Repertoire
from cuelight.serving.host.wants import Wants
from cuelight.serving.versions.store import ModelStore

_LOOKS = 20  # versions at each reading, in turn: to see whether what was found out of them still holds takes time
# A refusal that only a caller met: once the version is put on a track, it is tried anew, and people hear of it.
_ON_DEMAND = "on demand: "


class Demand:
    """Keeps the repertoire, and works off the wants; `wake` is called when a version is done."""

    def __init__(
        self,
        places: Places,
        store: ModelStore,
        ledger: Ledger,
        preparation: Preparation,
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._path, self._wants = places.repertoire, Wants(places.wants)
        self._store, self._ledger, self._preparation = store, ledger, preparation
        self._clock = clock
        self._log = Log("serving.demand")
        self._errand = Errand(wake)
        self._before, self._now = Snapshot(), Snapshot()
        self._facts: Mapping[VersionId, Fact] = {}
        self._written: Repertoire | None = None
        self._refusals = Refusals(ledger, preparation, clock, _ON_DEMAND)
        self._looked_at = 0
        self._brought: Found | None = None

    def stop(self) -> None:
        """Begin nothing more."""
        self._errand.stop()

    @property
    def version(self) -> VersionId | None:
        """The version that is being fetched and tried."""
        return self._errand.version

    def under_way(self, wanted: Iterable[VersionId]) -> str:
        """What is being done for one of these versions, in words: nobody else should begin it."""
        return self._errand.sentence if any(each == self._errand.version for each in wanted) else ""

    def tick(self, snapshot: Snapshot, on_tracks: Set[VersionId], idle: bool) -> bool:
        """One step; `idle`: no track wants anything. True: the store or what is known has changed."""
        self._make_sure_it_stayed()
        changed = self._collect()
        if snapshot is not self._now:
            self._before, self._now = self._now, snapshot
            self._look_again(on_tracks)
            self._facts = {}
        if self._facts is not self._ledger.facts:
            self._facts = self._ledger.facts
            self._write()
        if idle and not self._errand.version:
            self._next(on_tracks)
        return changed

    # What there is

    def _write(self) -> None:
        found = offer(self._before, self._now, self._facts, self._ledger.tracks.left_out)
        if found != self._written:
            repertoire.write(self._path, found)
            self._written = found

    def _look_again(self, on_tracks: Set[VersionId]) -> None:
        """Forget refusals and trust that rest on something else than what is there now, a few at a time."""
        known = sorted(version for version in self._facts if version not in on_tracks)
        for _ in range(min(_LOOKS, len(known))):
            self._looked_at = (self._looked_at + 1) % len(known)
            version = _find(self._now, known[self._looked_at])
            if version:
                self._refusals.review(version)

    # What is wanted

    def _next(self, on_tracks: Set[VersionId]) -> None:
        for name, number in self._wants.waiting():
            model = self._now.models.get(name)
            version = model.versions.get(number) if model else None
            self._wants.remove(name, number)
            mine = version and version.id not in on_tracks and name not in self._ledger.tracks.left_out
            if version and mine and self._begin(version):
                return

    def _begin(self, version: ModelVersion) -> bool:
        """Fetch and try a version that is wanted; False: it was refused."""
        self._refusals.review(version)
        known, pinned = self._ledger.facts.get(version.id, Fact()), self._ledger.pin(version.id)
        if known.phase == Phase.REFUSED and known.retry_at > self._clock.now():
            return False
        sentence = f"fetching {version.id}, which a caller asks for"
        basis = self._refusals.basis(version)
        self._errand.begin(sentence, version.id, basis, lambda: self._prepare(version, known, pinned))
        self._log.info("wanted", sentence)
        return True

    def _prepare(self, version: ModelVersion, known: Fact, pinned: str) -> Fact:
        """In a thread: as far as it gets; who asks for what is ready could not load it, so the files are looked at."""
        if self._store.discard_altered([known.digest]):
            self._log.error("store-altered", "A version was altered on disk; it is fetched anew.", digest=known.digest)
        here = self._store.has(known.digest)
        if here and known.phase == Phase.READY:
            return known
        fact = known if here and known.phase == Phase.FETCHED else self._preparation.fetch(version, pinned)
        return self._preparation.attempt(version, fact) if fact.phase == Phase.FETCHED else fact

    def _collect(self) -> bool:
        found = self._errand.collect(self._clock.now())
        if found is None:
            return False
        fact = self._refusals.dated(found.version, found.fact)
        self._ledger.learn(found.version, fact, found.basis)
        self._log.info("version", f"{found.version}: {fact.reason}", phase=fact.phase.value)
        self._brought = found if fact.phase == Phase.READY else None
        return True

    def _make_sure_it_stayed(self) -> None:
        """What had to leave the store at once would be fetched for every caller, over and over."""
        found, self._brought = self._brought, None
        if found and not self._store.has(found.fact.digest):
            reason = "The model store has no room for it (serving.store_bytes)."
            fact = Fact(Phase.REFUSED, found.fact.digest, "", reason, self._clock.now() + LONGEST_RETRY_SECONDS)
            self._ledger.learn(found.version, fact, found.basis)


def offer(
    before: Snapshot, now: Snapshot, facts: Mapping[VersionId, Fact], left_out: Set[str] = frozenset()
) -> Repertoire:
    """What callers may ask for; what is gone is so once two readings agree: one may be wrong."""
    models = {}
    for name in sorted((before.models.keys() | now.models.keys()) - left_out):
        known = [snapshot.models[name] for snapshot in (before, now) if name in snapshot.models]
        versions = {number: version for model in known for number, version in model.versions.items()}
        listings = {number: _listing(each, facts.get(each.id, Fact())) for number, each in sorted(versions.items())}
        if listings:
            models[name] = Listed(listings, dict(known[-1].aliases), columns(known[-1]), key_column(known[-1]))
    return Repertoire(models)


def _listing(version: ModelVersion, fact: Fact) -> Listing:
    refused = fact.phase == Phase.REFUSED
    return Listing(
        version.version,
        version.created_ms,
        version.run_id,
        fact.phase,
        fact.digest,
        fact.signed_by,
        fact.reason if refused else "",
        fact.retry_at if refused and fact.retry_at < float("inf") else 0.0,
    )


def _find(snapshot: Snapshot, version: VersionId) -> ModelVersion | None:
    model = snapshot.models.get(version.name)
    found = model.versions.get(version.version) if model else None
    return found if found and found.id == version else None
