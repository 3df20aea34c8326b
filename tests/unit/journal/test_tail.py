from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.tail import Tail
from cuelight.journal.writer import Writer
from cuelight.kit.clock import FakeClock
from tests.support.journal import NOON, prediction, schema, write


def _ids(entries: Iterable[dict[str, Any]]) -> list[str]:
    return [each["prediction_id"] for each in entries]


def _writer(folder: Path) -> Writer:
    writer = Writer(folder, "h", sync="none")
    writer.declare(schema())
    return writer


def _compact(folder: Path) -> None:
    Compactor(folder, clock=FakeClock(NOON)).run_once()


def _tail(folder: Path, query: Query | None = None) -> Tail:
    return Tail(folder, query or Query("m"), FakeClock(NOON))


def test_the_newest_are_those_of_parquet_and_segments(tmp_path: Path) -> None:
    """Of what is compacted, closed and being written the newest come, in the order of time, each once."""
    write(tmp_path, prediction(0), prediction(5))
    _compact(tmp_path)
    write(tmp_path, prediction(1), prediction(4, status=500, error="broken"), host="other")
    writer = _writer(tmp_path)
    writer.append(prediction(3), prediction(2, model="another"))
    tail = _tail(tmp_path)
    assert _ids(tail.newest(3)) == ["p3", "p4", "p5"]
    assert tail.new() == []
    assert _ids(_tail(tmp_path).newest(9)) == ["p0", "p1", "p3", "p4", "p5"]


def test_what_comes_is_seen_once_wherever_it_goes(tmp_path: Path) -> None:
    """Read from a segment that grows, is closed, is compacted; or compacted before it was looked at."""
    writer, tail = _writer(tmp_path), _tail(tmp_path)
    assert tail.newest(9) == []
    writer.append(prediction(1), prediction(2))
    assert _ids(tail.new()) == ["p1", "p2"]
    writer.append(prediction(3))
    writer.close()
    assert _ids(tail.new()) == ["p3"]
    writer.append(prediction(4))
    assert _ids(tail.new()) == ["p4"]
    writer.append(prediction(5))
    writer.close()
    _compact(tmp_path)
    assert _ids(tail.new()) == ["p5"]
    assert tail.new() == []


def test_half_a_record_is_waited_for(tmp_path: Path) -> None:
    """A frame that is not whole yet is read when it is."""
    writer = _writer(tmp_path)
    writer.append(prediction(1), prediction(2))
    (path,) = tmp_path.glob("segments/h/*")
    whole = path.read_bytes()
    tail = _tail(tmp_path)
    for cut, expected in [(4, []), (len(whole) - 9, ["p1"]), (len(whole), ["p2"])]:
        path.write_bytes(whole[:cut])
        assert _ids(tail.new()) == expected


def test_what_was_there_before_is_not_news(tmp_path: Path) -> None:
    """Older records that were not among the newest don't come later, when their segment is compacted."""
    write(tmp_path, *(prediction(-number) for number in range(9)))
    tail = _tail(tmp_path)
    assert _ids(tail.newest(2)) == ["p-1", "p0"]
    _compact(tmp_path)
    assert tail.new() == []


@pytest.mark.parametrize(
    "query",
    [
        Query("m"),
        Query("other"),
        Query("m", version=2),
        Query("m", track="Staging"),
        Query("m", arm="shadow"),
        Query("m", arm="canary", version=2),
        Query("m", since=NOON + 1),
        Query("m", until=NOON + 3),
        Query("m", statuses=(200, 200)),
        Query("m", statuses=(400, 499)),
        Query("m", id="p3"),
        Query("m", id="r3"),
        Query("m", id="r3", statuses=(200, 299)),
    ],
)
def test_a_window_is_the_same_before_and_after_compaction(tmp_path: Path, query: Query) -> None:
    """Each filter takes the same records from segments as from Parquet; of rows those of the same requests."""
    records = [
        prediction(0),
        prediction(1, version=2, digest="d2", track="Staging", arm="canary"),
        prediction(2, version=2, digest="d2", arm="shadow"),
        prediction(3, status=400, error="no", request_id="r3"),
        prediction(4, status=503, version=0, track="", arm="", rows=[]),
        prediction(5, model="other"),
    ]
    write(tmp_path, *records, schemas=(schema(1), schema(2)))
    fresh = _tail(tmp_path, query).newest(9)
    assert _ids(fresh) == [each.prediction_id for each in records if query.takes(each)]
    _compact(tmp_path)
    assert _tail(tmp_path, query).newest(9) == fresh
    answered = [each["prediction_id"] for each in fresh if each["status"] == 200]
    assert list(Journal(tmp_path).rows(query)["prediction_id"]) == answered
