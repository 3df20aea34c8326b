"""The versions in the annex's memory: on no track, loaded when somebody asks for them, one at a time.

All but the loading itself happens on the annex's loop, so that nothing leaves while a call is on its way to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.log import Log
from cuelight.registry.personal import Personal
from cuelight.serving.answering.metrics import Metrics
from cuelight.serving.answering.residents import Cast
from cuelight.serving.host import guest_book
from cuelight.serving.host.board import Board
from cuelight.serving.host.deployment import Deployment, Generations, Served
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.guest_book import Guest
from cuelight.serving.host.repertoire import Reader
from cuelight.serving.on_demand.cache import Cache
from cuelight.serving.versions import memory
from cuelight.serving.versions.admission import admit, weight
from cuelight.serving.versions.loader import LoadedVersion
from cuelight.serving.versions.store import ModelStore
from cuelight.serving.versions.weight import resident

_FAILED_SECONDS = 10.0  # what could not be loaded is left alone for so long
_HANDED_OVER_SECONDS = 1.0  # after a switch a call may still come that was meant for the annex
_LOOK_SECONDS, _TOUCH_SECONDS = 0.2, 60.0
_LOOKS = 10  # the least that was seen in so many counts: what a load or a big body takes for a moment does not
_LONGEST_RETRY_SECONDS = 600.0


@dataclass(frozen=True)
class _Arrival:
    """A version that is being loaded, and the bytes that it will take."""

    served: Served
    size: int
    began: float
    loading: Future[LoadedVersion]


class Guests:
    """What is in memory, within the cache's budget; `resident` tells how many bytes of this process are."""

    def __init__(
        self,
        board: Board,
        generations: Generations,
        store: ModelStore,
        reader: Reader,
        cache: Cache,
        book: Path,
        metrics: Metrics,
        compile_models: bool = True,
        resident: Callable[[], int] = resident,
    ) -> None:
        self._board, self._generations, self._store = board, generations, store
        self._reader, self._cache, self._book, self._metrics = reader, cache, book, metrics
        self._compile = compile_models
        self._log = Log("serving.guests")
        self._hand = ThreadPoolExecutor(1, "guests")
        self._loaded: dict[str, LoadedVersion] = {}
        self._served: dict[str, Served] = {}
        self._cast = Cast(Deployment(), self._loaded)
        self._expected: frozenset[str] = frozenset()
        self._residents: frozenset[str] = frozenset()
        self._arrival: _Arrival | None = None
        self._failures: dict[str, tuple[str, float]] = {}
        self._resident, self._start = resident, resident()
        self._overheads = deque[int](maxlen=_LOOKS)
        self._look_at = self._touch_at = 0.0
        self.load_seconds = 1.0  # what a load took lately, in the mean
        self._renew()

    # What is here

    @property
    def ready(self) -> bool:
        """Always: who asks for what is not here waits."""
        return True

    def current(self) -> Cast:
        """What may be asked for, and what is in memory of it; nothing is on a track here."""
        return self._cast

    def has(self, digest: str) -> bool:
        """Whether that version is in memory."""
        return digest in self._loaded

    def use(self, digest: str, now: float) -> None:
        """A call for a version that is in memory."""
        self._cache.use(digest, now)

    def refresh(self) -> None:
        """Take up what the follower has written since."""
        generation = self._board.committed
        if self._reader.look() or generation != self._cast.deployment.generation:
            known = (each for model in self._reader.repertoire.models.values() for each in model.versions.values())
            self._expected = frozenset(each.digest for each in known if each.phase != Phase.REFUSED)
            personal = self._read(generation)
            self._cast = Cast(
                Deployment(generation, personal=personal), self._loaded, repertoire=self._reader.repertoire
            )

    def _read(self, generation: int) -> Personal:
        """Note who is on a track; which columns are personal."""
        try:
            deployment = self._generations.read(generation)
        except (OSError, ValueError, KeyError, TypeError):  # over and forgotten already: the next one is on its way
            return self._cast.deployment.personal
        self._residents = frozenset(each.digest for each in deployment.residents())
        return deployment.personal

    # Coming

    @property
    def busy(self) -> bool:
        """Whether a version is being loaded."""
        return self._arrival is not None

    def is_near(self, digest: str) -> bool:
        """Whether that version is in the store."""
        return self._store.has(digest)

    def failure(self, digest: str, now: float) -> Unavailable | None:
        """Why that version could not be loaded a moment ago."""
        reason, until = self._failures.get(digest, ("", 0.0))
        if now < until:
            return Unavailable(reason, until - now)
        self._failures.pop(digest, None)
        return None

    def bring(self, served: Served, now: float, in_use: Set[str], arrived: Callable[[], object]) -> None:
        """Begin to load a version that is in the store; others leave for it. `arrived` is called in another thread.

        Raises:
            Unavailable: there is no room for it yet.
        """
        try:
            found = weight(self._store.entry(served.digest))
        except (CuelightError, OSError, ValueError) as error:
            raise Unavailable(f"{served.id} can't be loaded now: {error}") from error
        room = self._cache.room(found.peak, now, in_use)
        if not room.is_there:
            raise _no_room(served, found.peak, self._cache.budget, room.ask_again - now)
        for digest in room.leaving:
            self._evict(digest)
        loading = self._hand.submit(self._load, served)
        self._arrival = _Arrival(served, found.resident, now, loading)
        loading.add_done_callback(lambda _: arrived())

    def _load(self, served: Served) -> LoadedVersion:
        loaded = admit(self._store, served.digest, served.signed_by, self._compile)
        self._store.touch(served.digest)
        return loaded

    def _take_in(self, arrival: _Arrival, now: float) -> None:
        served, seconds = arrival.served, now - arrival.began
        try:
            loaded = arrival.loading.result()
        except Exception as error:  # noqa: BLE001  its callers are told, whatever it is
            reason = str(error) if isinstance(error, CuelightError) else f"({type(error).__name__})"
            self._failures[served.digest] = f"{served.id} could not be loaded. {reason}", now + _FAILED_SECONDS
            self._log.exception("load-failed", error)
            return
        self._loaded[served.digest], self._served[served.digest] = loaded, served
        self._cache.admit(served.digest, arrival.size, seconds, now)
        self.load_seconds += (seconds - self.load_seconds) / 4
        self._log.info("loaded", str(served.id), bytes=arrival.size, seconds=round(seconds, 3))
        self._metrics.count_guest_load()
        self._renew()

    # Going

    def look(self, now: float, in_use: Set[str]) -> None:
        """Take in what was loaded, and let go of what nobody may ask for here any more."""
        if self._arrival and self._arrival.loading.done():
            arrival, self._arrival = self._arrival, None
            self._take_in(arrival, now)
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        self.refresh()
        self._overheads.append(self._resident() - self._start - self._cache.size)
        self._cache.overhead = max(0, min(self._overheads))
        for digest in self._cache.room(0, now, in_use).leaving:
            self._evict(digest)
        for digest, stay in self._cache.stays.items():
            elsewhere = digest in self._residents and now - stay.used > _HANDED_OVER_SECONDS
            if digest not in in_use and (elsewhere or digest not in self._expected):
                self._let_go(digest)
        if now >= self._touch_at:
            self._touch(now)

    def _evict(self, digest: str) -> None:
        self._metrics.count_guest_eviction()
        self._let_go(digest)

    def _let_go(self, digest: str) -> None:
        """What it took goes back to the system, before anything else is loaded."""
        self._cache.remove(digest)
        del self._loaded[digest]
        self._log.info("let-go", str(self._served.pop(digest).id))
        self._hand.submit(memory.give_back)
        self._renew()

    def _touch(self, now: float) -> None:
        """What is used must not be the first to leave the store."""
        for digest, stay in self._cache.stays.items():
            if now - stay.used < _TOUCH_SECONDS:
                self._hand.submit(self._store.touch, digest)
        self._touch_at = now + _TOUCH_SECONDS

    def _renew(self) -> None:
        """Another cast, so that nobody goes by what was found out of the last one; and it is written down."""
        self._cast = Cast(self._cast.deployment, self._loaded, repertoire=self._reader.repertoire)
        guests = [self._guest(digest, stay.size) for digest, stay in self._cache.stays.items()]
        self._metrics.set_guests(len(guests), self._cache.size)
        self._hand.submit(guest_book.write, self._book, guests)

    def _guest(self, digest: str, size: int) -> Guest:
        served, loaded = self._served[digest], self._loaded[digest]
        seconds = round(loaded.load_seconds, 3)
        name, version = served.id.name, served.id.version
        return Guest(name, version, f"sha256:{digest}", loaded.flavor, loaded.way, size, seconds)


def _no_room(served: Served, needed: int, budget: int, seconds: float) -> Unavailable:
    if needed > budget:
        message = f"{served.id} takes {needed} bytes to load, more than serving_cache_bytes ({budget})."
        return Unavailable(message, _LONGEST_RETRY_SECONDS)
    return Unavailable(f"There is no room for {served.id} now: the versions in memory are in use.", seconds)
