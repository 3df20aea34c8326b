"""What parts are scored by: this process, or the workers of a Dask cluster. Either calls the same function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from cuelight.kit.cluster import connect
from cuelight.kit.errors import CuelightError, Misconfigured, Unavailable
from cuelight.kit.identity import new_id
from cuelight.serving.batches.plan import Part
from cuelight.serving.batches.results import Done

_RETRIES = 3  # of what failed for a reason that may pass: the registry was away, a disk was full
_TURN_SECONDS, _LOOK_SECONDS = 0.02, 5.0
_PATIENCE_SECONDS = 120.0  # without a worker: one that could not read its part is gone, and others may be on their way

Score = Callable[[Part], Done]


class Engine(Protocol):
    """Scores parts."""

    name: str

    def run(self, score: Score, parts: Sequence[Part]) -> Iterator[Done]:
        """Parts as they are finished, in any order. What a part raises is raised here, and the rest left."""


class Here:
    """One after the other, in this process."""

    name = "this process"

    def run(self, score: Score, parts: Sequence[Part]) -> Iterator[Done]:
        return map(score, parts)


class Cluster:
    """The workers of the Dask scheduler at `address`. A worker that dies leaves its parts to the others.

    Raises:
        Misconfigured, Unavailable: as `connect`.
    """

    def __init__(self, address: str) -> None:
        self._client = connect(address)
        self.name = f"Dask at {address}"

    def run(self, score: Score, parts: Sequence[Part]) -> Iterator[Done]:
        from distributed import CancelledError, as_completed
        from distributed.scheduler import KilledWorker

        # Dask computes a key once for all who ask: what another run writes, perhaps elsewhere, is not this run's.
        run = new_id()
        keys = [f"cuelight-{run}-{each.name}" for each in parts]
        futures = self._client.map(Once(score), parts, key=keys, retries=_RETRIES)
        completed = as_completed(futures, loop=self._client.loop, with_results=True)
        try:
            while not completed.is_empty():
                found = self._next(completed)
                if isinstance(found, CancelledError):
                    raise self._gone()
                if isinstance(found, CuelightError):
                    raise found
                yield found
        except KilledWorker as error:
            raise Unavailable(
                f"Several Dask workers died over the same part: do they have enough memory? ({error})"
            ) from error
        except RuntimeError as error:  # the scheduler can't read what it was sent
            said = str(error).partition("\n")[0]
            raise Misconfigured(f"{self.name} needs this Cuelight where it runs, as workers do ({said}).") from error
        finally:
            self._client.cancel(futures)
            self._client.close()

    def _gone(self) -> Unavailable:
        return Unavailable(f"{self.name} has gone, or begun anew. What is finished stays: give the command again.")

    def _next(self, completed: Any) -> Any:
        """Wait for one more part, as long as somebody could score it.

        Raises:
            Unavailable: nobody is there, and nobody comes.
        """
        seen = looked = time.monotonic()
        while not completed.has_ready():
            if self._client.status == "closed":  # what broke off on its way here is not told as cancelled
                raise self._gone()
            time.sleep(_TURN_SECONDS)
            now = time.monotonic()
            if now - looked > _LOOK_SECONDS:
                looked = now
                seen = now if self._client.scheduler_info()["workers"] else seen
            if now - seen > _PATIENCE_SECONDS:
                raise Unavailable(
                    f"{self.name} has no workers any more: is this Cuelight installed where they run? What is finished "
                    "stays: give the command again."
                )
        _, found = next(completed)
        return found


class Once:
    """Scores a part: errors that another try won't mend are results, so that Dask makes none."""

    def __init__(self, score: Score) -> None:
        self._score = score

    def __call__(self, part: Part) -> Done | CuelightError:
        try:
            return self._score(part)
        except Unavailable:
            raise
        except CuelightError as error:
            return error


def engine(address: str) -> Engine:
    """By the setting `dask.scheduler`; empty: this process."""
    return Cluster(address) if address else Here()
