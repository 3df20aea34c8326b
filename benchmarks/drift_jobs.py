"""What a drift job takes: seconds and memory, whole and by part, for windows up to a million rows of 20 columns."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import urllib3

from benchmarks.processes import PYTHON, cpu_seconds, free_port, memory_bytes, process
from benchmarks.tables import Table
from cuelight.journal import layout, storage
from cuelight.registry import server_process, tags
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

ROWS = (10_000, 100_000, 1_000_000)
MODEL = "wide"
_REFERENCE_ROWS = 5_000
_A_FILE = 250_000  # rows
_LEVELS = (2, 3, 4, 6, 10, 20)
_NUMBERS = 14
_BEGAN = 1_700_006_400.0  # 2023-11-15, midnight UTC
_PARTS = ("read the window", "examine", "weigh, test and calibrate", "Evidently's page")
_POLL_SECONDS = 0.05


def measure(folder: Path, sizes: tuple[int, ...] = ROWS) -> Iterator[list[str]]:
    """For each size of window: the whole command `cuelight drift`, and its parts one after the other in one process."""
    with mlflow_server(folder / "mlflow") as uri:
        for rows in sizes:
            home = folder / str(rows)
            fill(home, 2 * rows)
            register(home, uri)
            yield [f"{rows:,}", "`cuelight drift`, from journal to published report", *command(home, uri, rows).cells]
            previous = command(home, uri, rows, "--against", "previous")
            yield [f"{rows:,}", "the same with `--against previous`, of as many rows", *previous.cells]
            for part, figures in _parts(home, rows).items():
                yield [f"{rows:,}", part, *figures]


def table(rows: list[list[str]]) -> Table:
    """The figures."""
    return Table("Drift jobs", ["rows", "what", "seconds", "processor seconds", "peak of memory"], rows)


def scored(rows: int, seed: int) -> pd.DataFrame:
    """14 numeric columns (some skewed), 6 of text, and an answer made of some of them; the journal's names."""
    import pandas as pd

    generator = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for index in range(_NUMBERS):
        values = generator.normal(size=rows)
        columns[f"input.n{index}"] = np.exp(values) if index % 3 == 1 else values
    for index, levels in enumerate(_LEVELS):
        words = np.array([f"level {level}" for level in range(levels)], dtype=object)
        columns[f"input.c{index}"] = words[generator.integers(levels, size=rows)]
    columns["output.prediction"] = 2.0 * columns["input.n0"] + columns["input.n1"] + (columns["input.c2"] == "level 0")
    return pd.DataFrame(columns)


def fill(home: Path, rows: int) -> None:
    """A journal of so many rows of version 1, as merging leaves it, and the version's reference."""
    import pyarrow as pa

    home.mkdir(parents=True)
    scored(_REFERENCE_ROWS, 0).to_parquet(home / "reference.parquet")
    place = layout.partition(home / "journal", layout.ROWS, MODEL, layout.day(_BEGAN), "h")
    place.mkdir(parents=True)
    per = min(rows, _A_FILE)
    for number in range(rows // per):
        known = {
            "time": _BEGAN + 0.01 * (number * per + np.arange(per)),
            "prediction_id": [f"{number:012x}{row:020x}" for row in range(per)],
            "row": np.zeros(per, int),
            "version": np.ones(per, int),
            "track": ["Production"] * per,
            "arm": ["champion"] * per,
            "generation": np.ones(per, int),
            "latency_ms": np.ones(per),
        }
        values = {name: pa.array(column) for name, column in scored(per, 1 + number).items()}
        name = layout.file_name(f"1-{number:06d}", 1, "d")
        storage.place(place / name, storage.encode(pa.table({**known, **values})), lambda _: None)


def register(home: Path, uri: str) -> None:
    """A version on Production whose reference is in MLflow; nothing serves it."""
    tracking, registry = Tracking(uri), MlflowRegistry(uri)
    path = home / "reference.parquet"
    with tracking.run("training", "wide") as run:
        run.file(path, "reference")
    known = registry.snapshot().models
    if MODEL not in known:
        registry.create_model(MODEL)
    values = {tags.REFERENCE: f"reference/reference.parquet:{hashlib.sha256(path.read_bytes()).hexdigest()}"}
    if MODEL in known:
        registry.set_version_tags(MODEL, 1, values)
    else:
        version = registry.create_version(MODEL, f"runs:/{run.id}/reference", run.id, values)
        registry.set_stage(MODEL, version.version, "Production")


@dataclass(frozen=True)
class Taken:
    """What a whole command took: seconds, processor seconds, and the peak of its tree's memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak: int

    @property
    def cells(self) -> list[str]:
        """As a table shows them."""
        return [f"{self.seconds:.1f}", f"{self.cpu_seconds:.1f}", _megabytes(self.peak)]


def command(home: Path, uri: str, rows: int, *more: str) -> Taken:
    """One drift job on a window of so many rows.

    Raises:
        RuntimeError: it published no report.
    """
    variables = {
        "CUELIGHT_HOME": str(home),
        "CUELIGHT_REGISTRY_URI": uri,
        "CUELIGHT_JOURNAL_RETENTION_DAYS": "1000000",
    }
    words = [PYTHON, "-m", "cuelight.cli", "drift", MODEL, "--window", f"{rows} rows", "--json", *more]
    began, used = time.perf_counter(), _ended_children()
    with tempfile.TemporaryFile() as output:
        started = subprocess.Popen(words, env={**os.environ, **variables}, stdout=output)
        with _watched(started.pid) as peak:
            code = started.wait()
        seconds, used = time.perf_counter() - began, _ended_children() - used
        output.seek(0)
        document = json.loads(output.read() or b"{}")
    if code not in (0, 10) or not document.get("link"):
        raise RuntimeError(f"`cuelight drift` ended with {code}: {document.get('notes')}")
    return Taken(seconds, used, peak[0])


def _parts(home: Path, rows: int) -> dict[str, list[str]]:
    """Seconds of each part, and the most memory that its process and those that it started had in it."""
    command = [PYTHON, "-m", "benchmarks.drift_jobs", str(home), str(rows)]
    found: dict[str, list[str]] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()  # it has imported what it needs
        for part in _PARTS:
            used = cpu_seconds(child.pid)
            with _watched(child.pid) as peak:
                child.stdin.write("go\n")
                child.stdin.flush()
                seconds = child.stdout.readline().strip()
            found[part] = [seconds, f"{cpu_seconds(child.pid) - used:.1f}", _megabytes(peak[0])]
    return found


def _ended_children() -> float:
    """Processor time of all that this process has started and seen to its end, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _do_parts(home: Path, rows: int) -> None:
    """The child of `_parts`: does one part for each line that it reads, and answers with its seconds."""
    import pandas as pd

    from cuelight.journal.query import Journal
    from cuelight.kit.settings import Settings
    from cuelight.monitoring.drift.judgement import corrected, measure
    from cuelight.monitoring.drift.weights import weights
    from cuelight.monitoring.examination.examination import examine
    from cuelight.monitoring.reports.report import Page, write
    from cuelight.monitoring.windows.extent import Extent
    from cuelight.monitoring.windows.targets import Target
    from cuelight.monitoring.windows.window import Windows

    settings, now = Settings(home=home), time.time()
    target = Target(MODEL, 1, "", "", "", None)
    windows = Windows(Journal(settings.journal_folder), target, Extent(rows=rows))
    reference = pd.read_parquet(home / "reference.parquet")
    page = Page("wide", "ok", "", settings.monitoring_q, settings.monitoring_plot_rows)
    known: dict[str, Any] = {}

    def read() -> None:
        known["rows"] = windows.read(windows.newest(now), now, settings).rows

    def look() -> None:
        known["columns"] = examine(reference, known["rows"]).columns

    def test() -> None:
        columns = known["columns"]
        measured = measure(columns, weights(reference, columns))
        known["judged"] = corrected([measured], settings.monitoring_q, settings.monitoring_z)[0]

    def draw() -> None:
        write(page, known["columns"], known["judged"], home / "pages")

    sys.stdout.write("ready\n")
    for do in (read, look, test, draw):
        sys.stdout.flush()
        sys.stdin.readline()
        began = time.perf_counter()
        do()
        sys.stdout.write(f"{time.perf_counter() - began:.1f}\n")
    sys.stdout.flush()
    sys.stdin.readline()  # its times are read before it ends


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """The greatest share of memory (PSS, bytes) that the tree of a process has while the block runs, in a list."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            peak[0] = max(peak[0], memory_bytes(pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The address of a server of its own, while the block runs."""
    with mlflow_process(folder) as (uri, _):
        yield uri


@contextmanager
def mlflow_process(folder: Path, database: str = "") -> Iterator[tuple[str, int]]:
    """The same with its process's id; its tables are in `database`, if there is one (PostgreSQL's URL)."""
    folder.mkdir(parents=True)
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    variables = server_process.environment(folder, database)
    with process(server_process.command(port), variables, folder / "server.log", folder) as started:
        pool = urllib3.PoolManager(retries=urllib3.Retry(200, backoff_factor=0.1, backoff_max=0.5))
        pool.request("GET", uri + server_process.READY_PATH, timeout=60.0)
        yield uri, started.pid


def _megabytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


if __name__ == "__main__":
    _do_parts(Path(sys.argv[1]), int(sys.argv[2]))
