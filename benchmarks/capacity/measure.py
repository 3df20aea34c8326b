"""One run: everything that the page is made from, one thing after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import drift_jobs, models
from benchmarks.capacity import database, journal, members, memory, registry, serving
from benchmarks.capacity.figures import Drift, Figures
from benchmarks.capacity.kinds import KINDS
from benchmarks.capacity.size import Size
from benchmarks.drift_jobs import mlflow_process
from benchmarks.models import Model
from cuelight.kit.settings import Settings
from cuelight.operations import postgres as addresses
from tests.support import postgres

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


def measure(folder: Path, size: Size, figures: Figures, tell: Callable[[str], None]) -> None:
    """Add to the figures what is found; `tell` hears of each part as it begins."""
    known: dict[str, Model] = {}
    for kind in KINDS:
        if kind.model not in known:
            known[kind.model] = models.make(kind.model, folder / "models")
        place = folder / kind.name.replace(" ", "-").replace(":", "").replace(",", "")
        tell(f"{kind.name}: requests")
        figures.servings += serving.workers(kind, known[kind.model], place / "requests", size)
        tell(f"{kind.name}: memory")
        figures.memories += memory.versions(kind, known[kind.model], place / "memory", size.versions)
    tell("gateway")
    figures.passings += serving.passing(known[models.LINEAR], folder / "passing", size)
    figures.members += members.measure(folder / "members", size.hosts)
    tell("journal")
    figures.journals += journal.requests(folder / "journal", size.requests)
    tell("SQLite")
    _files(folder, size, figures)
    tell("PostgreSQL")
    _server(folder, size, figures)
    tell("drift jobs")
    figures.drifts += _drifts(folder / "drift", size)


def _files(folder: Path, size: Size, figures: Figures) -> None:
    """What hosts take of MLflow and of the operations database, in SQLite's files."""
    figures.beats += database.beats(f"sqlite:///{folder / 'operations.db'}", SQLITE, lambda: 0.0, size.hosts)
    with mlflow_process(folder / "mlflow") as (uri, pid):
        tables = f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}"
        server = registry.Server(uri, tables, SQLITE, registry.used_by(pid))
        figures.downloads.append(registry.download(server, folder / "download"))
        _readings(server, size, figures)


def _server(folder: Path, size: Size, figures: Figures) -> None:
    """The same in PostgreSQL."""
    with postgres.running() as running:
        database_pid = running.pid
        used = registry.used_by(database_pid)
        figures.beats += database.beats(running.url(), POSTGRES, used, size.hosts)
        tables = addresses.address(running.url()).render_as_string(hide_password=False)
        with mlflow_process(folder / "mlflow-postgres", tables) as (uri, pid):
            _readings(registry.Server(uri, tables, POSTGRES, registry.used_by(pid, database_pid)), size, figures)


def _readings(server: registry.Server, size: Size, figures: Figures) -> None:
    for reading, following in registry.readings(server, size):
        figures.readings.append(reading)
        figures.followings += [following] if following else []


def _drifts(folder: Path, size: Size) -> Iterator[Drift]:
    most = Settings().monitoring_most_rows
    with drift_jobs.mlflow_server(folder / "mlflow") as uri:
        for rows in size.drift_rows:
            home = folder / str(rows)
            drift_jobs.fill(home, rows)
            drift_jobs.register(home, uri)
            taken = drift_jobs.command(home, uri, rows)
            yield Drift(rows, most, taken.seconds, taken.cpu_seconds, taken.peak / 2**20)
