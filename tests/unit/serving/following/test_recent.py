from __future__ import annotations

from pathlib import Path

from cuelight.journal.compactor import Compactor
from cuelight.kit.clock import FakeClock
from cuelight.serving.following.recent import recent_requests
from tests.support.journal import NOON, prediction, schema, write


def test_recent_requests_are_good_and_small(tmp_path: Path) -> None:
    """Answered ones, the newest last; one of more than a MiB and a refused one are left out, as is a broken journal."""
    assert recent_requests(tmp_path, "m") == []
    huge = b'{"instances": [[0, 0]]}' + b" " * (1 << 20)
    records = [prediction(0), prediction(1, request=huge), prediction(2, status=400), prediction(3)]
    write(tmp_path, *records, schemas=(schema(1),))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    found = recent_requests(tmp_path, "m")
    assert [each.body for each in found] == [records[0].request, records[3].request]
    assert {each.media_type for each in found} == {records[0].media_type}
    for path in tmp_path.rglob("*.parquet"):
        path.write_bytes(b"junk")
    assert recent_requests(tmp_path, "m") == []


def test_a_request_without_its_personal_columns_is_nothing_to_try(tmp_path: Path) -> None:
    """It would fit no version that takes them."""
    kept = prediction(1)
    write(tmp_path, prediction(0, redaction="mask", personal="city"), kept, schemas=(schema(1),))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    assert [each.body for each in recent_requests(tmp_path, "m")] == [kept.request]
