"""What followers take of MLflow's server, by the number of models that it holds."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.answered import seconds
from benchmarks.capacity.figures import Download, Following, Reading
from benchmarks.capacity.size import Size
from benchmarks.processes import cpu_seconds
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.rest import Rest
from cuelight.registry.tracking import Tracking
from cuelight.serving.following.watcher import REST_FACTOR, Watcher
from tests.support.editing import EditedMlflow

FIRST, VERSIONS = "model-0", 3  # of each model
POLL_SECONDS = 1.0  # registry.poll_seconds, as it comes
_MOST, _LEAST_SECONDS = 50, 1.5  # how often one thing is done
_FILE_MIB = 64
_PATIENCE_SECONDS = 120.0  # more than a follower has: it is to be measured all the same
_APART_SECONDS = 0.3
_TABLES = ("registered_models", "model_versions", "registered_model_aliases", "model_version_tags")


@dataclass(frozen=True)
class Server:
    """One that holds models: its address, that of its tables, their database's kind, and what all of it has used."""

    uri: str
    url: str
    database: str
    used: Callable[[], float]


def readings(server: Server, size: Size) -> Iterator[tuple[Reading, Following | None]]:
    """One follower's probe and sweep, and several at once, with more and more models.

    With so many that followers sweep too seldom to be watched, there is no `Following`.
    """
    registry = MlflowRegistry(server.uri, read_timeout=_PATIENCE_SECONDS)
    with Tracking(server.uri).run("capacity", FIRST) as run:
        _register(registry, run.id)
    for count in size.models:
        _multiply(server.url, count)
        reading = _reading(server, registry, count)
        often = REST_FACTOR * reading.sweep_ms / 1000 < size.follow_seconds
        yield reading, _following(server, count, size) if often else None


def download(server: Server, folder: Path) -> Download:
    """A large file, as a follower takes it from MLflow's server."""
    uri, used = server.uri, server.used
    folder.mkdir(parents=True)
    path, registry = folder / "weights.bin", EditedMlflow(uri)
    path.write_bytes(secrets.token_bytes(_FILE_MIB << 20))
    with Tracking(uri).run("capacity", "large") as run:
        run.file(path, "large")
    registry.create_model("large")
    version = registry.create_version("large", f"runs:/{run.id}/large", run.id, {})
    before = used()
    (folder / "fetched").mkdir()
    taken = seconds(lambda: registry.fetch(version, folder / "fetched"))
    registry.delete_model("large")
    return Download(float(_FILE_MIB), taken, used() - before)


def _reading(server: Server, registry: MlflowRegistry, count: int) -> Reading:
    probe_cpu, probe = _each(server, registry.probe)
    sweep_cpu, sweep = _each(server, registry.snapshot)
    counted = _Counted(server.uri)
    counted.snapshot()
    return Reading(server.database, count, probe_cpu, probe, sweep_cpu, sweep, counted.requests)


def _each(server: Server, do: Callable[[], object]) -> tuple[float, float]:
    """Processor ms of the server, and ms as the follower has them (the median)."""
    do()
    taken: list[float] = []
    before, until = server.used(), time.monotonic() + _LEAST_SECONDS
    while len(taken) < _MOST and (time.monotonic() < until or len(taken) < 2):
        taken.append(seconds(do))
    return 1000 * (server.used() - before) / len(taken), 1000 * statistics.median(taken)


def _following(server: Server, count: int, size: Size) -> Following:
    """Followers as hosts run them, each with its own connections, in threads of this process."""
    with ExitStack() as stack:
        registries = [_Counted(server.uri) for _ in range(size.followers)]
        watchers = [Watcher(each, POLL_SECONDS, lambda: None) for each in registries]
        for each in watchers:  # not all at once: who sweeps together waits, and rests the longer
            each.start()
            stack.callback(each.stop)
            time.sleep(_APART_SECONDS)
        while not all(each.latest for each in watchers):
            time.sleep(_APART_SECONDS)
        began, used, asked = time.monotonic(), server.used(), sum(each.requests for each in registries)
        time.sleep(size.follow_seconds)
        took = time.monotonic() - began
        cores, rate = (
            (now - then) / took
            for now, then in ((server.used(), used), (sum(each.requests for each in registries), asked))
        )
    return Following(server.database, count, size.followers, cores, rate)


class _Counting(Rest):
    """Counts what it asks."""

    requests = 0

    def json(self, *arguments: Any, **more: Any) -> dict[str, Any]:
        """As ever."""
        self.requests += 1
        return super().json(*arguments, **more)


class _Counted(MlflowRegistry):
    """As a follower has it, and counted."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._rest = self._counting = _Counting(uri, "", "", 2.0, _PATIENCE_SECONDS)

    @property
    def requests(self) -> int:
        """How many it has sent."""
        return self._counting.requests


def _register(registry: MlflowRegistry, run_id: str) -> None:
    """The first model: three versions, one on each track, with some tags as Cuelight writes them."""
    registry.create_model(FIRST)
    for _ in range(VERSIONS):
        tags = {f"cuelight.tag-{each}": "x" * 60 for each in range(8)}
        registry.create_version(FIRST, f"runs:/{run_id}/model", run_id, tags)
    registry.set_stage(FIRST, 2, "Production")
    registry.set_stage(FIRST, 3, "Staging")
    registry.set_alias(FIRST, "champion", 2)


def _multiply(url: str, count: int) -> None:
    """As many models in all: the first one's rows under other names, in MLflow's own tables."""
    engine, known = sa.create_engine(url), sa.MetaData()
    known.reflect(engine, only=_TABLES)
    with engine.begin() as connection:
        there = connection.execute(sa.select(sa.func.count()).select_from(known.tables[_TABLES[0]])).scalar_one()
        for name in _TABLES:
            table = known.tables[name]
            first = [row._mapping for row in connection.execute(sa.select(table).where(table.c.name == FIRST))]
            copies = [{**row, "name": f"model-{number}"} for number in range(there, count) for row in first]
            if copies:
                connection.execute(sa.insert(table), copies)
        if engine.dialect.name == "postgresql":
            # As autovacuum would within a minute: until then sweeps take several times as long.
            connection.execute(sa.text("ANALYZE"))
    engine.dispose()


def used_by(*pids: int) -> Callable[[], float]:
    """Processor seconds of these trees so far."""
    return lambda: sum(map(cpu_seconds, pids))
