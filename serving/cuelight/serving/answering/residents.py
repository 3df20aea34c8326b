"""The versions that a worker holds in memory, generation by generation."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.log import Log
from cuelight.serving.host.board import Board
from cuelight.serving.host.deployment import Deployment, Generations, Served
from cuelight.serving.host.repertoire import NOTHING, Reader, Repertoire
from cuelight.serving.versions import memory
from cuelight.serving.versions.admission import admit
from cuelight.serving.versions.loader import LoadedVersion
from cuelight.serving.versions.store import ModelStore

_LOOK_SECONDS = 0.02
_LATE_SECONDS = 20.0
_BEAT_SECONDS = 0.2
_MEND_SECONDS = 10.0
_TIDY_SECONDS = 1.0  # after a switch: those in flight have let go of what was served before


@dataclass(frozen=True)
class Cast:
    """One generation, ready to answer: the deployment, its loaded versions by digest, and why others are missing.

    `repertoire`: what else may be asked for.
    """

    deployment: Deployment
    loaded: Mapping[str, LoadedVersion] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    repertoire: Repertoire = NOTHING

    @cached_property
    def names(self) -> frozenset[str]:
        """The models of which some version may be asked for."""
        return frozenset(self.deployment.models()) | self.repertoire.models.keys()

    @cached_property
    def _personal(self) -> Mapping[str, tuple[str, ...]]:
        listed = {name: each.personal for name, each in self.repertoire.models.items() if each.personal}
        return {**listed, **self.deployment.personal}

    def personal(self, name: str) -> tuple[str, ...] | None:
        """The model's personal columns; None: it has none. Empty: the model is not known here, so nobody can tell.

        A misspelt name brings what is personal too, where any model has such columns.
        """
        if not self._personal:
            return None
        return self._personal.get(name) or (None if name in self.names else ())

    def version(self, served: Served) -> LoadedVersion:
        """The loaded form of a served version.

        Raises:
            Unavailable: it could not be loaded on this worker.
        """
        loaded = self.loaded.get(served.digest)
        if loaded is None:
            reason = self.missing.get(served.digest, f"{served.id}: not loaded")
            raise Unavailable(f"It can't be served here now. {reason}")
        return loaded


class Casting(Protocol):
    """Who hands out what is in charge."""

    @property
    def ready(self) -> bool:
        """Whether `current` answers at once."""

    def current(self) -> Cast:
        """What is in charge, read once per request.

        Raises:
            Unavailable: it is not here in time.
        """


class Tally(Protocol):
    """Who is told what comes and goes."""

    def count_load(self) -> None: ...
    def count_evictions(self, number: int) -> None: ...
    def set_residents(self, number: int, size: int) -> None: ...


class Residents:
    """Stands by for what the cue board asks, in a thread of its own, and hands out the committed generation."""

    def __init__(
        self,
        board: Board,
        generations: Generations,
        store: ModelStore,
        failures: Path,
        clock: Clock | None = None,
        compile_models: bool = True,
        repertoire: Reader | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._compile = compile_models
        self._tally = tally
        self._reader = repertoire
        self._board = board
        self._generations = generations
        self._store = store
        self._failures = failures
        self._clock = clock or SystemClock()
        self._log = Log("serving.residents")
        self._casts: dict[int, Cast] = {}
        self._arrived = threading.Condition()
        self._stopped = threading.Event()
        self._slot = -1
        self._refused = 0
        self._mend_at = 0.0
        self._tidy_at = float("inf")

    def start(self) -> None:
        """Claim a slot, load what is committed until it is what is committed, then watch the board."""
        self._slot = self._board.claim()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        while (generation := self._board.committed) not in self._casts:
            try:
                self._keep(generation, self._load(generation))
            except FileNotFoundError:
                if generation == self._board.committed:
                    raise
                continue  # it was over, and forgotten, before we got to read it
            self._board.acknowledge(self._slot, generation)
        threading.Thread(target=self._watch, name="residents", daemon=True).start()

    def stop(self) -> None:
        """Leave the board."""
        self._stopped.set()
        if self._slot >= 0:
            self._board.release(self._slot)

    def current(self) -> Cast:
        """The committed generation, read once per request.

        Raises:
            Unavailable: this worker was away while it was committed, and has not loaded it in time.
        """
        cast = self._casts.get(self._board.committed)
        return cast if cast is not None else self._wait()

    @property
    def ready(self) -> bool:
        """Whether this worker can answer by the committed generation now."""
        return self._board.committed in self._casts

    def _wait(self) -> Cast:
        deadline = self._clock.monotonic() + _LATE_SECONDS
        with self._arrived:
            while (cast := self._casts.get(self._board.committed)) is None:
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    raise Unavailable("This worker is still loading what was just put in charge. Try again.")
                self._arrived.wait(min(left, _LOOK_SECONDS))
            return cast

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  this thread must outlive whatever one look meets
                self._log.exception("look-failed", error)

    def _beat(self) -> None:
        while not self._stopped.wait(_BEAT_SECONDS):
            self._board.beat(self._slot)  # in a thread of its own: a worker that loads for long is not a silent one

    def look(self) -> None:
        """One look at the board: load what is asked for, forget what is over."""
        if self._reader and self._reader.look():
            with self._arrived:
                new = self._reader.repertoire
                self._casts = {number: replace(each, repertoire=new) for number, each in self._casts.items()}
        committed, target = self._board.committed, self._board.target
        if committed not in self._casts:
            self._keep(committed, self._load(committed))
            self._board.acknowledge(self._slot, committed)
        elif self._casts[committed].missing and self._clock.monotonic() >= self._mend_at:
            self._keep(committed, self._load(committed))  # its files may be back, or what was short may be there
            self._mend_at = self._clock.monotonic() + _MEND_SECONDS
        if target not in self._casts and target != self._refused:
            self._stand_by(target)
        over = [each for each in self._casts if each < min(committed, self._board.committed)]
        if over:
            self._forget(over)
        if self._clock.monotonic() >= self._tidy_at:
            self._tidy_at = float("inf")
            memory.give_back()

    def _forget(self, generations: Sequence[int]) -> None:
        before = self._held()
        with self._arrived:
            for generation in generations:
                del self._casts[generation]
        self._untidy()
        if self._tally:
            self._tally.count_evictions(len(before) - len(self._held()))
            self._weigh()

    def _held(self) -> dict[str, LoadedVersion]:
        return {digest: version for cast in self._casts.values() for digest, version in cast.loaded.items()}

    def _weigh(self) -> None:
        if self._tally:
            held = self._held()
            self._tally.set_residents(len(held), sum(each.resident_bytes for each in held.values()))

    def _untidy(self) -> None:
        self._tidy_at = min(self._tidy_at, self._clock.monotonic() + _TIDY_SECONDS)

    def _stand_by(self, generation: int) -> None:
        try:
            # What is out of order already must not keep what is new, of this model or others, from being served.
            lacking = self._casts.get(self._board.committed, Cast(Deployment())).missing
            cast = self._load(generation)
        except Exception as error:  # noqa: BLE001  whatever it is, the follower must hear of it
            self._refuse(generation, str(error), [])
            return
        new = {digest: reason for digest, reason in cast.missing.items() if digest not in lacking}
        if new:
            self._refuse(generation, next(iter(new.values())), list(new))
            return
        self._keep(generation, cast)
        self._board.acknowledge(self._slot, generation)
        self._log.info("standing-by", generation=generation)

    def _refuse(self, generation: int, reason: str, digests: list[str]) -> None:
        self._refused = generation
        with contextlib.suppress(OSError):  # a full disk takes no reason, but the board takes the word
            self._failures.mkdir(parents=True, exist_ok=True)
            path = self._failures / f"{generation}-{self._slot}.json"
            path.write_text(json.dumps({"reason": reason, "digests": digests}))
        self._board.fail(self._slot, generation)
        self._log.warning("stand-by-failed", reason, generation=generation)

    def _load(self, generation: int) -> Cast:
        deployment = self._generations.read(generation)
        held = self._held()
        known = {reason for cast in self._casts.values() for reason in cast.missing.values()}
        loaded: dict[str, LoadedVersion] = {}
        missing: dict[str, str] = {}
        for served in deployment.residents():
            try:
                if served.digest not in loaded:
                    loaded[served.digest] = held.get(served.digest) or self._load_version(served)
            except (CuelightError, OSError, ValueError) as error:
                missing[served.digest] = f"{served.id}: {error}"
                if missing[served.digest] not in known:
                    self._log.error("load-failed", str(error), model=served.id.name, version=served.id.version)
        return Cast(deployment, loaded, missing, self._reader.repertoire if self._reader else NOTHING)

    def _load_version(self, served: Served) -> LoadedVersion:
        self._untidy()
        loaded = admit(self._store, served.digest, served.signed_by, self._compile)
        if self._tally:
            self._tally.count_load()
        return loaded

    def _keep(self, generation: int, cast: Cast) -> None:
        with self._arrived:
            self._casts[generation] = cast
            self._arrived.notify_all()
        self._weigh()
