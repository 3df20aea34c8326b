"""What is taken for a backup, and what is not."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from cuelight.cli.archives import archive
from cuelight.kit.errors import BadInput


def packed(path: Path, *members: tarfile.TarInfo) -> Path:
    """Somebody else's archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for each in members:
            tar.addfile(each, io.BytesIO(b"x" * each.size))
    path.write_bytes(zstandard.compress(content.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """One of its members."""
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, target, int(kind == tarfile.REGTYPE)
    return found


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A backup of one secret file."""
    secret = tmp_path / "secret"
    secret.write_text("s")
    secret.chmod(0o600)
    with archive.written(tmp_path / "backup") as writer:
        assert writer.add("home/keys/secret", secret)
        assert not writer.add("home/gone", tmp_path / "gone")
        writer.add_lines("lines", iter([b"1\n", b"2\n"]))
        writer.describe(what="all")
    return tmp_path / "backup"


def test_what_was_written_comes_back(whole: Path, tmp_path: Path) -> None:
    """With who may read it."""
    assert archive.verified(whole)["what"] == "all"
    assert whole.stat().st_mode & 0o777 == 0o600
    archive.extract(whole, "home/", tmp_path / "new")
    found = tmp_path / "new" / "keys" / "secret"
    assert (found.read_text(), found.stat().st_mode & 0o777) == ("s", 0o600)
    assert [list(stream) for _, stream in archive.content(whole, "lines")] == [[b"1\n", b"2\n"]]


def test_no_other_backup_is_written_over(whole: Path) -> None:
    """It may be the only one."""
    before = whole.read_bytes()
    with pytest.raises(FileExistsError), archive.written(whole) as writer:
        writer.describe()
    assert whole.read_bytes() == before
    assert [each.name for each in whole.parent.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize(
    "hostile",
    [
        member("/etc/cron.d/x"),
        member("home/../../x"),
        member("home/x", tarfile.SYMTYPE, "/etc"),
        member("home/x", tarfile.LNKTYPE, "/etc/passwd"),
        member("home/x", tarfile.FIFOTYPE),
    ],
    ids=["absolute", "above", "link", "hard link", "pipe"],
)
def test_nothing_leads_out_of_a_backup(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    """Whoever made it."""
    path = packed(tmp_path / "hostile", hostile)
    with pytest.raises(BadInput, match="none of our backups"):
        archive.verified(path)
    with pytest.raises(BadInput, match="none of our backups"):
        archive.extract(path, "", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-20], lambda content: content[:-1], lambda _: b"", lambda _: b"no backup"],
    ids=["cut", "one byte short", "empty", "another file"],
)
def test_a_damaged_one_is_told(whole: Path, damage: Callable[[bytes], bytes]) -> None:
    """In a sentence."""
    whole.write_bytes(damage(whole.read_bytes()))
    with pytest.raises(BadInput, match="damaged"):
        archive.verified(whole)


def test_whichever_byte_is_altered_it_is_no_other_backup(whole: Path) -> None:
    """Also one of what it says of itself: a byte that changes nothing of that, as a padding's, may pass."""
    content, good = whole.read_bytes(), archive.verified(whole)
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 4
        whole.write_bytes(altered)
        try:
            assert archive.verified(whole) == good, place
        except BadInput as error:
            assert "backup" in str(error) or "damaged" in str(error)  # noqa: PT017  either will do


@pytest.mark.parametrize(("before", "after"), [(0o640, 0o640), (0o666, 0o644), (0o400, 0o600), (0o4755, 0o644)])
def test_nobody_else_may_read_what_comes_back(tmp_path: Path, before: int, after: int) -> None:
    """And what others may write or run is theirs to read at most."""
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(before)
    with archive.written(tmp_path / "backup") as writer:
        writer.add("home/file", tmp_path / "file")
        writer.describe()
    archive.extract(tmp_path / "backup", "home/", tmp_path / "new")
    assert (tmp_path / "new" / "file").stat().st_mode & 0o7777 == after


def test_it_is_written_where_there_are_no_hard_links(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a memory stick; and goes over no other there, either."""

    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with archive.written(tmp_path / "stick") as writer:
        writer.describe(what="all")
    assert archive.verified(tmp_path / "stick")["what"] == "all"
    before = whole.read_bytes()
    with pytest.raises(FileExistsError), archive.written(whole) as writer:
        writer.describe()
    assert whole.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_members_that_its_manifest_does_not_have_are_damage(tmp_path: Path) -> None:
    """Also where all of it can be read."""
    path = packed(tmp_path / "other", member("home/x"))
    with pytest.raises(BadInput, match="damaged"):
        archive.verified(path)


def test_memory_is_the_same_at_any_size(tmp_path: Path) -> None:
    """Of a large file, a long table and many small files nothing stays but a line of the manifest for each."""
    (tmp_path / "small").touch()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100 << 20)
    tracemalloc.start()
    try:
        with archive.written(tmp_path / "backup") as writer:
            writer.add("home/large", tmp_path / "large")
            writer.add_lines("tables/operations/history", (b"%099d\n" % number for number in range(100_000)))
            for number in range(5_000):
                writer.add(f"home/{number}", tmp_path / "small")
            writer.describe()
        assert len(archive.verified(tmp_path / "backup")["members"]) == 5_002
        archive.extract(tmp_path / "backup", "home/large", tmp_path / "out")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20, f"{most:,} bytes"
