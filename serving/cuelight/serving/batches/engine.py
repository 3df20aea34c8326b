"""What parts are scored by: this process, or the workers of a Dask cluster. Either calls the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from cuelight.kit.cluster import connect
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.identity import new_id
from cuelight.serving.batches.plan import Part
from cuelight.serving.batches.results import Done

_RETRIES = 3  # of what failed for a reason that may pass: the registry was away, a disk was full

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
        try:
            for _, found in as_completed(futures, loop=self._client.loop, with_results=True):
                if isinstance(found, CancelledError):
                    raise Unavailable(
                        f"{self.name} has gone, or begun anew. What is finished stays: give the command again."
                    )
                if isinstance(found, CuelightError):
                    raise found
                yield found
        except KilledWorker as error:
            raise Unavailable(
                f"Several Dask workers died over the same part: do they have enough memory? ({error})"
            ) from error
        finally:
            self._client.cancel(futures)
            self._client.close()


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
