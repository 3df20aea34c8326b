from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cuelight.cli.checkup import disk
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings

GIB = 1 << 30


def test_a_disk_with_room(tmp_path: Path) -> None:
    """Small quotas fit; a home that is not there yet is looked for above, and not made."""
    home = tmp_path / "a" / "b"
    found = disk.findings(Scene(Settings(home=home, serving_store_bytes=1 << 20)))
    assert [each.state for each in found] == [State.OK, State.OK]
    assert list(tmp_path.iterdir()) == []


def test_quotas_that_the_disk_can_t_hold(tmp_path: Path) -> None:
    """A store that may grow beyond the disk: the setting is named."""
    *_, last = disk.findings(Scene(Settings(home=tmp_path, serving_store_bytes=1 << 60)))
    assert (last.state, "serving.store_bytes" in last.mend) == (State.WARNING, True)


def test_what_is_there_already_needs_no_more_room(tmp_path: Path) -> None:
    """Of a quota only what is left of it counts."""
    settings = Settings(home=tmp_path, serving_store_bytes=100, journal_retention_bytes=1000)
    for path, size in ((tmp_path / "serving/store/ab/files/model", 100), (tmp_path / "journal/x.parquet", 400)):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\0" * size)
    assert disk.growth(settings) == {"journal.retention_bytes": 600}
    archived = replace(settings, journal_archive="/archive", journal_retention_bytes=1 << 60)
    assert disk.growth(archived) == {}  # what is kept in all is not kept here
    assert disk.growth(replace(archived, journal_local_bytes=500)) == {"journal.local_bytes": 100}


def test_a_disk_that_is_nearly_full() -> None:
    """The journal would soon drop records."""
    found = disk.room(Path("/data"), 100 << 20, {})
    assert (found.state, "CUELIGHT_HOME" in found.mend) == (State.FAULT, True)
    assert disk.room(Path("/data"), 2 * GIB, {"serving.store_bytes": GIB}).state == State.OK


def test_a_folder_that_can_t_be_written() -> None:
    """Even by root: the kernel makes no files there."""
    found = disk.writable(Path("/proc"))
    assert (found.state, bool(found.mend)) == (State.FAULT, True)
