from __future__ import annotations

import os
from pathlib import Path

from cuelight.journal import backlog
from cuelight.journal.backlog import Backlog
from cuelight.journal.compactor import Compactor
from cuelight.journal.writer import Writer
from tests.support.journal import prediction


def test_there_may_be_no_journal(tmp_path: Path) -> None:
    """Nothing waits where nothing was written."""
    assert backlog.read(tmp_path) == Backlog(0, 0, None, 0)


def test_what_waits_is_what_is_not_compacted(tmp_path: Path) -> None:
    """Open and closed segments, their bytes and the oldest of them; nothing once they are Parquet."""
    for host in ("one", "two"):
        writer = Writer(tmp_path, host, sync="none")
        writer.append(prediction(1, status=500))
        if host == "two":
            writer.close()
    paths = sorted((tmp_path / "segments").glob("*/*"))
    os.utime(paths[1], (1000.0, 1000.0))
    assert backlog.read(tmp_path) == Backlog(2, sum(path.stat().st_size for path in paths), 1000.0, 0)
    Compactor(tmp_path, retention_days=1e5).run_once()
    assert backlog.read(tmp_path).segments == 1  # the one that its writer still has open


def test_damaged_records_are_counted_and_torn_tails_are_not(tmp_path: Path) -> None:
    """A record of which a byte has changed is one; what a kill cut off is none."""
    for host, at in (("damaged", 40), ("torn", -1)):
        writer = Writer(tmp_path, host, sync="none")
        writer.append(prediction(1, status=500), prediction(2, status=500))
        writer.close()
        path = next((tmp_path / "segments" / host).glob("*"))
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)
    Compactor(tmp_path, retention_days=1e5).run_once()
    assert backlog.read(tmp_path).damaged == 1
