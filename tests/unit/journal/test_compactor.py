from __future__ import annotations

import base64
import fcntl
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cuelight.journal import segment
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Prediction, Record
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import NOON, prediction, schema, write
from tests.support.killed import killed

_TWO = Signature(columns=(Column("x", "long"), Column("new", "boolean")))
_DAY = 86_400


def _compactor(folder: Path, **options: Any) -> Compactor:
    return Compactor(folder, clock=FakeClock(NOON), **options)


def _fill(folder: Path) -> None:
    """Two versions with different signatures, a label, a refusal, a record that can't be used: on two hosts."""
    schemas = (schema(1), schema(2, _TWO))
    write(
        folder,
        prediction(0, rows=[{"x": 0.5, "city": "Oslo"}, {"x": None, "city": None}]),
        prediction(1, rows=[{"x": 7, "new": True}], version=2, digest="d2"),
        prediction(2, status=400, error="no", request=b"{", response=b"{}"),
        prediction(3, response=b"not JSON"),
        Label(NOON + 9, "m", "p0", 1, "yes"),
        schemas=schemas,
    )
    write(folder, prediction(4 + _DAY), schemas=schemas, host="other")


def _everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all finished files, by dataset."""
    return {
        dataset: sorted(
            (row for path in folder.glob(f"{dataset}/**/[!.]*.parquet") for row in pq.read_table(path).to_pylist()),
            key=lambda row: (row["prediction_id"], row.get("row", 0)),
        )
        for dataset in ("requests", "rows", "labels")
    }


def test_rows_are_there_once_wherever_it_is_killed(tmp_path: Path) -> None:
    """A compactor killed with SIGKILL at any of its steps, then run again, leaves just what an unkilled one leaves."""
    _fill(tmp_path / "base")
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    steps: list[str] = []
    _compactor(tmp_path / "whole", checkpoint=steps.append).run_once()
    expected = _everything(tmp_path / "whole")
    assert [len(expected[each]) for each in ("requests", "rows", "labels")] == [5, 4, 1]
    assert set(steps) == {"claimed", "read", "written", "placed", "placed-all", "deleted"}
    imports = "from cuelight.journal.compactor import Compactor"
    job = "Compactor(folder, checkpoint=checkpoint).run_once()"
    for folder in killed(imports, job, tmp_path / "base", len(steps), tmp_path):
        _compactor(folder).run_once()
        assert _everything(folder) == expected, folder.name
        assert not list(folder.glob("segments/*/*"))
        names = [sorted(str(p.relative_to(each)) for p in each.rglob("*")) for each in (folder, tmp_path / "whole")]
        assert names[0] == names[1]


def test_a_segment_in_use_is_left_alone_and_an_abandoned_one_is_taken(tmp_path: Path) -> None:
    """An open segment is compacted when its writer's process is gone, and not before."""
    code = (
        "import os, sys; from pathlib import Path; from cuelight.journal.writer import Writer;"
        "from tests.support.journal import prediction, schema; w = Writer(Path(sys.argv[1]), 'h');"
        "w.declare(schema()); w.append(prediction(0)); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert _compactor(tmp_path).run_once() == "nothing to compact"
        child.kill()
        child.wait()
    assert _compactor(tmp_path).run_once() == "compacted 1 segments: 1 requests, 1 rows, 0 labels"


def test_a_writer_whose_new_file_was_taken_starts_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compactor that comes between a file's making and its locking costs no record."""
    lock = fcntl.flock
    calls: list[str] = []

    def late(descriptor: Any, operation: int) -> None:
        if not calls:
            calls.append("compacting")
            _compactor(tmp_path).run_once()
        lock(descriptor, operation)

    writer = Writer(tmp_path, "h")
    writer.declare(schema())
    monkeypatch.setattr(fcntl, "flock", late)
    assert writer.append(prediction(0))
    writer.close()
    _compactor(tmp_path).run_once()
    assert list(Journal(tmp_path).rows(Query("m"))["prediction_id"]) == ["p0"]


def test_one_compactor_works_at_a_time(tmp_path: Path) -> None:
    """While one is at work another one says so and does nothing."""
    write(tmp_path, prediction(0))
    said: list[str] = []

    def second(step: str) -> None:
        if step == "read":
            said.append(_compactor(tmp_path).run_once())

    assert _compactor(tmp_path, checkpoint=second).run_once().startswith("compacted 1 segments")
    assert said == ["another compactor is at work on this journal"]


def test_rows_have_the_types_of_the_signature(tmp_path: Path) -> None:
    """A whole number in a double column stays double, and a null is null, in the file itself."""
    _fill(tmp_path)
    _compactor(tmp_path).run_once()
    (one,) = tmp_path.glob("rows/model=m/date=2023-11-15/host=h/*.v1.*.parquet")
    (two,) = tmp_path.glob("rows/model=m/date=2023-11-15/host=h/*.v2.*.parquet")
    tables = pq.read_table(one), pq.read_table(two)
    assert [str(tables[0].schema.field(name).type) for name in ("input.x", "input.city")] == ["double", "string"]
    assert [str(tables[1].schema.field(name).type) for name in ("input.x", "input.new")] == ["int64", "bool"]
    assert tables[0].column("input.x").to_pylist() == [0.5, None]


def test_a_segment_that_fails_in_a_way_that_nobody_foresaw_stops_no_other(tmp_path: Path) -> None:
    """It waits, the others are compacted, and it is tried again."""
    for number in range(2):
        write(tmp_path, prediction(number))
    steps: list[str] = []

    def once(step: str) -> None:
        steps.append(step)
        if steps.count("read") == 1 and step == "read":
            raise RuntimeError

    compactor = _compactor(tmp_path, checkpoint=once)
    done = "compacted 1 segments: 1 requests, 1 rows, 0 labels"
    assert compactor.run_once() == f"{done}; 1 segments wait: see the warnings"
    assert compactor.run_once() == done


def test_a_value_that_is_nested_too_deeply_stops_nothing(tmp_path: Path) -> None:
    """Of a model without a signature: its request is kept, its rows go to the side file, and all else is compacted."""
    nested = b"[" * 300 + b"1" + b"]" * 300
    deep = prediction(0, request=b'{"dataframe_records": [{"x": ' + nested + b"}]}", rows=None)
    write(tmp_path, deep, prediction(1), schemas=(schema(signature=Signature()),))
    said = _compactor(tmp_path).run_once()
    assert said == "compacted 1 segments: 2 requests, 1 rows, 0 labels; 1 damaged records kept in damaged/"


def test_one_bad_record_stops_nothing(tmp_path: Path) -> None:
    """Damaged bytes, an answer that can't be read and fields of a wrong type go to the side file, with their bytes."""
    records: list[Record] = [
        prediction(0),
        prediction(1, predictions=[1.0, 2.0]),
        prediction(2, generation="x"),
        prediction(3, time=float("1e300")),
        prediction(4, digest="never declared"),
        Label(NOON, "m", "p0", "zero", 1),  # type: ignore[arg-type]
        Label(NOON, "m", "p0", 0, 1),
        prediction(5, request=b"planted"),
        prediction(6),
    ]
    write(tmp_path, *records)
    (path,) = tmp_path.glob("segments/h/*.closed")
    path.write_bytes(path.read_bytes().replace(b"planted", b"PLANTED") + b"torn")
    sentence = _compactor(tmp_path).run_once()
    assert sentence == "compacted 1 segments: 4 requests, 3 rows, 1 labels; 6 damaged records kept in damaged/"
    assert [row["prediction_id"] for row in _everything(tmp_path)["requests"]] == ["p0", "p1", "p4", "p6"]
    (side,) = tmp_path.glob("damaged/h/*.jsonl")
    lines = [json.loads(line) for line in side.read_text().splitlines()]
    assert [line["torn"] for line in lines] == [False] * 6 + [True]
    kept = [base64.b64decode(line["bytes"]) for line in lines]
    assert kept[0] == segment.encode(records[1])
    assert kept[5] == segment.encode(records[7]).replace(b"planted", b"PLANTED")
    assert kept[6] == b"torn"


def test_a_full_disk_keeps_the_segment(tmp_path: Path) -> None:
    """What can't be written is tried again when there is room, and its rows are there once."""
    write(tmp_path, prediction(0))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        assert _compactor(tmp_path).run_once() == "1 segments wait: see the warnings"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _everything(tmp_path) == {"requests": [], "rows": [], "labels": []}
    assert _compactor(tmp_path).run_once() == "compacted 1 segments: 1 requests, 1 rows, 0 labels"
    assert len(_everything(tmp_path)["rows"]) == 1


def test_days_past_retention_are_deleted(tmp_path: Path) -> None:
    """A day is deleted from all datasets once it has ended longer ago than the retention, and no day sooner."""
    for number in range(3):
        write(tmp_path, prediction(number * _DAY), Label(NOON + number * _DAY, "m", "p", 0, 1))
    clock = FakeClock(NOON + 2 * _DAY)
    compactor = Compactor(tmp_path, retention_days=2, clock=clock)
    assert "deleted" not in compactor.run_once()
    clock.advance(_DAY / 2)
    assert compactor.run_once() == "3 days past retention deleted"
    for dataset in ("requests", "rows", "labels"):
        days = sorted(path.name for path in tmp_path.glob(f"{dataset}/model=m/*"))
        assert days == ["date=2023-11-16", "date=2023-11-17"]


def test_no_model_name_escapes_the_folder(tmp_path: Path) -> None:
    """Names with slashes, dots, nothing or a thousand letters are recorded and found again by their name."""
    names = ["../../etc", "a/b c%2F", "", "ä" * 1_000, "ä" * 999 + "b", "."]
    write(tmp_path, *(prediction(number, model=name) for number, name in enumerate(names)))
    _compactor(tmp_path).run_once()
    for number, name in enumerate(names):
        frame = Journal(tmp_path).rows(Query(name))
        assert list(zip(frame["prediction_id"], frame["model"], strict=True)) == [(f"p{number}", name)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["requests", "rows", "segments"]


def test_requests_keep_their_bytes(tmp_path: Path) -> None:
    """Refused requests are there too, and every body is as it came, byte for byte."""
    records = [prediction(0, status=400, request=bytes(range(256)), error="bad"), prediction(1, request=b"")]
    write(tmp_path, *records)
    _compactor(tmp_path).run_once()
    found = Journal(tmp_path).requests_table(Query("m")).to_pylist()
    assert [Prediction(**row) for row in found] == records


def test_a_backlog_is_caught_up_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More segments than one run takes: each run takes the oldest, and says that it is behind until none is left."""
    monkeypatch.setattr("cuelight.journal.compactor._SEGMENTS_PER_RUN", 2)
    for number in range(5):
        write(tmp_path, prediction(number))
    compactor, behind = _compactor(tmp_path), list[bool]()
    while not behind or compactor.behind:
        compactor.run_once()
        behind.append(compactor.behind)
    assert behind == [True, True, False]
    assert [row["prediction_id"] for row in _everything(tmp_path)["rows"]] == [f"p{number}" for number in range(5)]
