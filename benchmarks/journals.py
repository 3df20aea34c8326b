"""What the journal costs: time in a request, bytes on disk, rows a second through compaction, and reading a window."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import answered, arrivals, wrk
from benchmarks.models import Model
from benchmarks.peers.cuelight import Cuelight, CuelightUnrecorded
from benchmarks.plan import rotated
from benchmarks.tables import Table
from cuelight.journal import layout, storage
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Schema
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.kit.identity import new_id
from cuelight.protocol.signature import Column, Signature

_DAY = 86_400.0
_BEGAN = 1_700_006_400.0  # 2023-11-15, midnight UTC
_COLUMNS = [f"x{number}" for number in range(10)]
_SIGNATURE = Signature(columns=tuple(Column(name, "double") for name in _COLUMNS))
_RATE = 500.0  # requests a second, well below what is answered
_A_FILE = 500_000  # rows


@dataclass(frozen=True)
class Size:
    """How much is measured: rows in the large journal and in its window, requests that are compacted, rounds, s."""

    rows: int = 10_000_000
    window: int = 100_000
    requests: int = 50_000
    rounds: int = 5
    seconds: int = 5


def windows(folder: Path, size: Size) -> Iterator[list[str]]:
    """Milliseconds to read a window of a large journal, all its columns, some, and the newest rows."""
    _fill(folder, size.rows)
    journal, step = Journal(folder), 10 * _DAY / size.rows
    since = _BEGAN + size.rows // 2 * step
    window = Query("m", since=since, until=since + size.window * step)
    asked: dict[str, Callable[[], int]] = {
        "all columns": lambda: journal.rows_table(window).num_rows,
        "two columns": lambda: journal.rows_table(window, ["input.x0", "output.prediction"]).num_rows,
        "as a pandas frame": lambda: len(journal.rows(window)),
        "the newest 2,000": lambda: journal.rows_table(Query("m", last_rows=2000)).num_rows,
    }
    for name, read in asked.items():
        taken = [answered.seconds(read) for _ in range(size.rounds)]
        rows = read()
        yield [f"{name}: {rows:,} of {size.rows:,} rows", f"{1000 * statistics.median(taken):.0f} ms"]


def compaction(folder: Path, size: Size) -> Iterator[list[str]]:
    """Rows a second from segments to Parquet, by single rows and by batches; bytes a request on disk."""
    for rows, name in ((1, "single rows"), (1000, "batches of 1,000 rows")):
        count = max(10, size.requests // rows)
        found = compacted(folder / str(rows), count, rows)
        raw, disk = found.json_bytes / count, [each / count for each in (found.requests_bytes, found.rows_bytes)]
        share = sum(disk) / raw
        yield [f"compaction, {name}", f"{count * rows / found.compacting:,.0f} rows/s"]
        yield [f"merging, {name}", f"{count * rows / found.merging:,.0f} rows/s"]
        yield [f"bodies as JSON, {name}", f"{raw:,.0f} bytes a request"]
        yield [
            f"on disk, {name}",
            f"{disk[0]:,.0f} + {disk[1]:,.0f} bytes a request (as it came + as rows), {share:.2f} of the JSON",
        ]


@dataclass(frozen=True)
class Compacted:
    """Seconds of compacting and of merging; processor seconds of both; bytes as JSON, in segments, and on disk."""

    compacting: float
    merging: float
    cpu_seconds: float
    json_bytes: int
    segment_bytes: int
    requests_bytes: int
    rows_bytes: int


def compacted(place: Path, count: int, rows: int) -> Compacted:
    """So many requests of so many rows, from the writer through compactor and merging."""
    raw = _write(place, count, rows)
    segments = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    used = time.process_time()
    seconds, merged = (
        answered.seconds(Compactor(place, clock=FakeClock(moment)).run_once) for moment in (_BEGAN, _BEGAN + 2 * _DAY)
    )
    used = time.process_time() - used
    disk = (_bytes(place / each) for each in (layout.REQUESTS, layout.ROWS))
    return Compacted(seconds, merged, used, raw, segments, *disk)


def requests(model: Model, folder: Path, size: Size) -> Iterator[list[str]]:
    """Latency with the journal on and off, on alternating turns: ratios of p50 and p99, their median and range."""
    with ExitStack() as stack:
        peers = {"on": Cuelight(), "off": CuelightUnrecorded()}
        running = {name: stack.enter_context(peer.start(model, 1, folder / name)) for name, peer in peers.items()}
        bodies = [peers["on"].single(model, model.frame.iloc[i : i + 1]) for i in range(64)]
        loads: dict[str, Callable[[str, int], wrk.Load]] = {
            "1 connection": lambda url, _: wrk.run(url, bodies, 1, size.seconds),
            "8 connections": lambda url, _: wrk.run(url, bodies, 8, size.seconds),
            f"{_RATE:g} requests/s": lambda url, turn: arrivals.run(url, bodies, _RATE, size.seconds, turn),
        }
        for each in running.values():
            wrk.run(each.url, bodies, 8, 1)
        for name, load in loads.items():
            found = [
                {which: load(running[which].url, turn) for which in rotated(("on", "off"), turn)}
                for turn in range(size.rounds)
            ]
            for level in ("p50_ms", "p99_ms"):
                on, off = ([getattr(each[which], level) for each in found] for which in ("on", "off"))
                ratios = sorted(a / b for a, b in zip(on, off, strict=True))
                yield [
                    f"{model.name}, {name}: {level[:3]} with the journal / without",
                    f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}): "
                    f"{statistics.median(on):.3f} / {statistics.median(off):.3f} ms",
                ]


def table(rows: list[list[str]]) -> Table:
    """The figures."""
    return Table("The journal", ["what", "found"], rows)


def _fill(folder: Path, count: int) -> None:
    """A journal of ten days, as merging leaves it."""
    generator, step, per = np.random.default_rng(7), 10 * _DAY / count, min(_A_FILE, count // 10)
    import pyarrow as pa

    for number in range(count // per):
        times = _BEGAN + step * (number * per + np.arange(per))
        drawn = generator.integers(2**62, size=per)
        columns = {
            "time": times,
            "prediction_id": [f"{int(a * 1000):012x}{b:020x}" for a, b in zip(times, drawn, strict=True)],
            "row": np.zeros(per, int),
            "version": np.full(per, 1 + number % 2),
            "track": ["Production"] * per,
            "arm": ["champion"] * per,
            "generation": np.ones(per, int),
            "latency_ms": generator.gamma(2.0, 1.0, per),
            **{f"input.{name}": generator.normal(size=per) for name in _COLUMNS},
            "output.prediction": generator.normal(size=per),
        }
        place = layout.partition(folder, layout.ROWS, "m", layout.day(float(times[0])), "h")
        place.mkdir(parents=True, exist_ok=True)
        name = layout.file_name(f"1-{number:06d}", 1 + number % 2, "d")
        storage.place(place / name, storage.encode(pa.table(columns)), lambda _: None)


def _write(folder: Path, count: int, rows: int) -> int:
    """So many requests, in segments of some 5,000 rows; the bytes of their bodies."""
    generator, raw = np.random.default_rng(7), 0
    writer = Writer(folder, "h", sync="none")
    writer.declare(Schema("m", 1, "d", _SIGNATURE.to_json()))
    for number in range(count):
        data = generator.normal(size=(rows, len(_COLUMNS))).tolist()
        asked = json.dumps({"dataframe_split": {"columns": _COLUMNS, "data": data}}, separators=(",", ":")).encode()
        answer = json.dumps({"predictions": [sum(each) for each in data]}, separators=(",", ":")).encode()
        raw += len(asked) + len(answer)
        writer.append(answered.prediction(_BEGAN + number / 100, new_id(), rows, asked, answer, new_id()))
        if (number + 1) * rows % 5000 == 0:
            writer.close()
    writer.close()
    return raw


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))
