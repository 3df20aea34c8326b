"""Somebody's rows, requests and labels are taken out, and nobody else's."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec import structs

from cuelight.journal import storage
from cuelight.journal.compactor import Compactor
from cuelight.journal.erasure import Erased, Eraser, erase
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Label, Record
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import Unavailable
from cuelight.protocol import media
from cuelight.protocol.decode import decode
from cuelight.protocol.redaction import Redactor, candidates
from cuelight.protocol.signature import Column, Signature
from tests.support.journal import NOON, prediction, schema, write
from tests.support.killed import killed

ANN, BOB = {"x": 1.0, "city": "Anntown"}, {"x": 2.0, "city": "Bobtown"}
WHO = {"city": candidates("Anntown")}
RECORDS: list[Record] = [
    prediction(0, rows=[ANN]),
    prediction(1, rows=[BOB]),
    prediction(2, rows=[BOB, ANN, BOB]),
    prediction(3, rows=[ANN], arm="shadow", prediction_id="p0"),
    prediction(4, rows=[ANN], status=500, response=b"{}"),
    prediction(5, rows=[BOB], status=500, response=b"{}"),
    prediction(6, request=b'{"dataframe_records": [{"city": "Anntown"', status=400, response=b"{}", rows=[]),
    prediction(7, request=b'{"dataframe_records": [{"city": "Bobtown"', status=400, response=b"{}", rows=[]),
    Label(NOON, "m", "p0", 0, 1),
    Label(NOON, "m", "p2", 0, 2),
    Label(NOON, "m", "p2", 1, 3),
]
FOUND = Erased(rows=3, requests=3, emptied=2, labels=2)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two segments, compacted."""
    folder = tmp_path / "journal"
    write(folder, *RECORDS[:3], *RECORDS[-3:])
    write(folder, *RECORDS[3:-3])
    _compactor(folder).run_once()
    return folder


def _compactor(folder: Path) -> Compactor:
    return Compactor(folder, clock=FakeClock(NOON))


def _erase(folder: Path, who: Any = None, dry_run: bool = False) -> Erased:
    return erase(_compactor(folder), folder, "m", WHO if who is None else who, dry_run, 0.0)


def _left(folder: Path) -> dict[str, Any]:
    journal = Journal(folder)
    requests = journal.requests(Query("m"))
    return {
        "rows": sorted(zip(journal.rows(Query("m"))["prediction_id"], journal.rows(Query("m"))["row"], strict=True)),
        "shadow": len(journal.rows(Query("m", arm="shadow"))),
        "requests": sorted(requests["prediction_id"]),
        "without bodies": sorted(requests.loc[requests["redaction"] == "erased", "prediction_id"]),
        "labels": sorted(pq.ParquetDataset(folder / "labels").read()["label"].to_pylist()),
    }


LEFT = {
    "rows": [("p1", 0), ("p2", 0), ("p2", 2)],
    "shadow": 0,
    "requests": ["p1", "p2", "p5", "p6", "p7"],
    "without bodies": ["p2", "p6"],
    "labels": ["2"],
}


def _holds(folder: Path, text: bytes) -> bool:
    tables = (pq.read_table(path, partitioning=None) for path in folder.glob("[a-z]*/model=*/*/*/*.parquet"))
    return any(text in repr(table.to_pylist()).encode() for table in tables)


def test_theirs_is_gone_and_nothing_else(journal: Path) -> None:
    """Requests with others' rows, or that can't be read, lose their bodies; again it finds nothing more."""
    before = _left(journal)
    assert _erase(journal, dry_run=True) == FOUND
    assert _left(journal) == before
    assert _erase(journal) == FOUND
    assert _left(journal) == LEFT
    assert not _holds(journal, b"Anntown")
    assert _holds(journal, b"Bobtown")
    assert _erase(journal) == Erased()


def test_it_says_how_far_it_is(journal: Path) -> None:
    """Of as many steps from the first to the last."""
    told: list[tuple[int, int]] = []
    erase(_compactor(journal), journal, "m", WHO, True, 0.0, lambda *each: told.append(each))
    assert len(told) > 3
    assert told == [(number, len(told)) for number in range(len(told))]


def test_a_refused_request_that_is_nested_too_deeply_is_looked_through_as_text(tmp_path: Path) -> None:
    """It can't be said what its value is: the body goes where the searched one stands in it, and stays elsewhere."""
    for number, city in enumerate(("Anntown", "Bobtown")):
        nested = b"[" * 300 + f'"{city}"'.encode() + b"]" * 300
        body = b'{"dataframe_records": [{"city": ' + nested + b"}]}"
        write(tmp_path, prediction(number, request=body, status=400, response=b"{}", rows=[]))
    _compactor(tmp_path).run_once()
    assert _erase(tmp_path) == Erased(emptied=1)
    assert (_holds(tmp_path, b"Anntown"), _holds(tmp_path, b"Bobtown")) == (False, True)


def test_damaged_records_lose_their_bytes_where_the_values_stand(journal: Path) -> None:
    """Whatever they are of; the others are counted, since nobody can read them, and stay; a torn tail is one too."""
    write(journal, *(prediction(number, rows=[row]) for number, row in ((7, ANN), (8, BOB), (10, BOB))))
    (path,) = journal.glob("segments/*/*")
    path.write_bytes(path.read_bytes().replace(b'id":"p7', b'id":"q7').replace(b'id":"p8', b'id":"q8') + b"Anntown")
    _compactor(journal).run_once()
    (side,) = journal.glob("damaged/h/*.jsonl")
    before = side.read_bytes()
    assert _erase(journal, dry_run=True).damaged == 2
    assert side.read_bytes() == before
    found = _erase(journal)
    assert (found.damaged, found.unread) == (2, 1)
    lines = [json.loads(line) for line in side.read_text().splitlines()]
    assert ["Bobtown" in str(base64.b64decode(line["bytes"])) for line in lines] == [False, True, False]
    assert [(line["reason"], line["torn"]) for line in lines] == [
        (line["reason"], line["torn"]) for line in map(json.loads, before.splitlines())
    ]
    assert (_erase(journal).damaged, _erase(journal).unread) == (0, 1)


def test_all_keys_must_hold(journal: Path) -> None:
    """Of one row; a value is no pattern and no SQL."""
    assert _erase(journal, WHO | {"x": candidates("2")}, dry_run=True).rows == 0
    assert _erase(journal, WHO | {"x": candidates("1")}, dry_run=True).rows == 3
    for text in ("%", "' OR 1=1 --", "*"):
        assert _erase(journal, {"city": candidates(text)}, dry_run=True) == Erased()
    # What can't be read may be theirs: it loses its body where the text stands in it.
    assert _erase(journal, {"city": candidates("Ann")}, dry_run=True) == Erased(emptied=1)
    assert _erase(journal, {"town": candidates("Anntown")}, dry_run=True) == Erased(emptied=1)


@pytest.mark.parametrize("way", ["hash", "drop", "mask"])
def test_a_hashed_value_is_found_by_its_hash(tmp_path: Path, way: str) -> None:
    """With the same key; what was left out or masked can't be found, and needs not."""
    signature = Signature(columns=(Column("id", "long"), Column("x", "double")))
    redactor = Redactor(way, b"k" * 32)
    clear = prediction(0, rows=[{"id": 4711, "x": 1.0}])
    request = redactor.request(decode(media.JSON, clear.request, signature).rows, {}, ["id"])
    hidden = {"request": request, "redaction": way, "personal": "id", "rows": clear.rows}
    records = [
        structs.replace(clear, **hidden),
        structs.replace(clear, **hidden, status=500, prediction_id="failed", response=b"{}"),
    ]
    write(tmp_path, *records, schemas=(schema(1, signature),))
    texts = candidates("4711")
    for key, found in ((b"k" * 32, Erased(rows=1, requests=2)), (b"other", Erased())):
        hashed = {Redactor("hash", key).hashed("id", each) for each in texts}
        assert _erase(tmp_path, {"id": texts | hashed}, dry_run=True) == (found if way == "hash" else Erased())


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("long", 2**60, str(2**60)),
        ("double", 0.1, "0.1"),
        ("float", 0.1, "0.1"),
        ("boolean", True, "true"),
        ("string", "Zoë “Z”", "Zoë “Z”"),
        ("datetime", "2024-02-29T12:00:00", "2024-02-29T12:00"),
        ("binary", "AAEC", "AAEC"),
    ],
)
def test_a_value_of_each_type_is_found(tmp_path: Path, kind: str, value: Any, text: str) -> None:
    """As a person writes it."""
    signature = Signature(columns=(Column("id", kind),))
    rows = [{"id": value}]
    write(tmp_path, prediction(0, rows=rows), schemas=(schema(1, signature),))
    assert _erase(tmp_path, {"id": candidates(text)}) == Erased(rows=1, requests=1)
    assert Journal(tmp_path).rows(Query("m")).empty


def test_what_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """A segment that a worker still writes to can't be compacted: nothing is erased, and it says so."""
    writer = Writer(tmp_path, "h", sync="none")
    writer.declare(schema())
    writer.append(*RECORDS)
    with pytest.raises(Unavailable, match="1 segments of the journal are not compacted yet"):
        _erase(tmp_path)
    writer.close()
    assert _erase(tmp_path) == FOUND
    with storage.alone(tmp_path), pytest.raises(Unavailable):
        _erase(tmp_path)


def test_killed_anywhere_the_next_run_does_the_rest(journal: Path, tmp_path: Path) -> None:
    """Each file is the old one or the new one, and the rows by which the rest is found are the last to go."""
    steps: list[str] = []
    whole = shutil.copytree(journal, tmp_path / "whole")
    Eraser(whole, "m", WHO, checkpoint=steps.append).run()
    assert {"written", "placed", "deleted"} == set(steps)
    imports = "from cuelight.journal.erasure import Eraser"
    job = 'Eraser(folder, "m", {"city": {"Anntown"}}, checkpoint=checkpoint).run()'
    for folder in killed(imports, job, journal, len(steps), tmp_path / "killed"):
        _erase(folder)
        assert _left(folder) == LEFT, folder.name
        assert not _holds(folder, b"Anntown")
        assert not list(folder.rglob("*.tmp"))


def test_labels_by_key_go_with_their_rows(tmp_path: Path) -> None:
    """Those that are joined to a row of theirs, and those that name the value itself, also where no row has it."""
    folder = tmp_path / "journal"
    keys = [("city", "Anntown", 1), ("x", "1", 2), ("city", "Bobtown", 3), ("x", "2", 4)]
    labels = [Label(NOON + 9, "m", "", 0, value, key_column=name, key=key) for name, key, value in keys]
    write(folder, prediction(0, rows=[ANN]), prediction(1, rows=[BOB]), *labels)
    write(folder, Label(NOON - 9, "m", "", 0, 5, key_column="city", key="Anntown"))
    assert _erase(folder).labels == 3
    assert _left(folder)["labels"] == ["3", "4"]
    assert not _holds(folder, b"Anntown")
