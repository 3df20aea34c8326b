"""Signed heads on a real database, tampered with by whoever can write to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import BadInput
from cuelight.kit.signing import SigningKey
from cuelight.operations import schema
from cuelight.operations.database import Operations
from cuelight.operations.engine import dump
from cuelight.operations.heads import Head, SignedHead
from tests.support import tampering

START = 1_700_000_000.0
_FIELDS = ("writer", "sequence", "at", "kind", "model", "version", "detail", "previous")


class Archive:
    """A history at `url`, its keys in `folder`: ten rows of one writer, each signed, some minutes apart."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.clock = url, folder, FakeClock(START)
        self.operations = self.open()
        for number in range(1, 11):
            self.write(number)

    def open(self, writer: str = "one", keys: str = "keys") -> Operations:
        return Operations(self.url, writer, self.clock, self.folder / keys)

    def write(self, number: int) -> None:
        self.clock.advance(300.0)
        self.operations.record("traffic", "m", number, {"n": number}, at=self.clock.now())

    def sql(self, *statements: str) -> None:
        tampering.execute(self.url, *statements)

    def rewrite(self, first: int, **changes: Any) -> None:
        """Change a row, and make the hashes from there to the head consistent anew."""
        with tampering.opened(self.url) as connection:
            previous, digest = "", ""
            rows = connection.exec_driver_sql("SELECT * FROM history ORDER BY sequence").mappings().all()
            for row in map(dict, rows):
                row |= {**(changes if row["sequence"] == first else {}), "previous": previous}
                digest = hashlib.sha256(dump([row[name] for name in _FIELDS]).encode()).hexdigest()
                row["hash"] = previous = digest
                connection.execute(sa.delete(schema.history).where(schema.history.c.id == row["id"]))
                connection.execute(sa.insert(schema.history).values(row))
            connection.execute(sa.update(schema.heads).values(hash=digest))

    def cut(self, last: int) -> None:
        """Take rows and head back to what they were when `last` was the last row."""
        self.sql(
            f"DELETE FROM history WHERE sequence > {last}",
            f"UPDATE history_heads SET sequence = {last}, "
            f"hash = (SELECT hash FROM history WHERE sequence = {last} AND writer = 'one')",
        )


@pytest.fixture
def archive(new_url: str, tmp_path: Path) -> Archive:
    """An untouched one."""
    return Archive(new_url, tmp_path)


def test_an_untouched_history_is_whole(archive: Archive) -> None:
    """Ten rows, the last of them signed: nothing to complain of, and the heads say how far the signatures reach."""
    assert archive.operations.verify() == []
    (signed,) = archive.operations.heads()
    assert (signed.head.writer, signed.head.sequence, signed.head.at) == ("one", 10, START + 3000.0)


def test_a_burst_is_signed_at_its_start_and_at_its_end(archive: Archive) -> None:
    """Lines within a minute wait for the minute to end, or for the process; after that nothing is signed twice."""
    operations = archive.open("burst")
    for number in range(5):
        operations.record("traffic", "m", number, {}, at=archive.clock.now())
    operations.seal()

    def reach() -> dict[str, int]:
        return {each.head.writer: each.head.sequence for each in archive.operations.heads()}

    assert reach()["burst"] == 1
    archive.clock.advance(60.0)
    operations.seal()
    assert reach()["burst"] == 5
    operations.record("traffic", "m", 6, {}, at=archive.clock.now())
    operations.close()
    assert reach()["burst"] == 6
    operations.close()
    assert archive.operations.verify() == []


def test_a_tail_that_was_cut_is_found(archive: Archive) -> None:
    """Rows and head taken back to an earlier, consistent state: what was signed is beyond the chain."""
    archive.cut(7)
    (fault,) = archive.operations.verify()
    assert fault == (
        "one: the chain ends in row 7, but row 10 was signed on 2023-11-14 23:03:20 UTC: its end was cut off."
    )
    for number in range(8, 11):
        archive.write(number)
    (fault,) = archive.operations.verify()
    assert "one: rows from 8 on were written anew: row 8 is not the one that was signed" in fault


def test_a_chain_that_was_written_anew_is_found(archive: Archive) -> None:
    """All hashes fit each other again, but not what was signed; the rows before are borne out."""
    archive.rewrite(6, version=99)
    (fault,) = archive.operations.verify()
    assert fault.startswith("one: rows from 6 on were written anew: row 6 is not the one that was signed on 2023-11-14")
    unsigned = Operations(archive.url, "one")
    assert unsigned.verify() == []  # without signatures nobody could tell


def test_a_whole_writer_that_was_taken_out_is_found(archive: Archive) -> None:
    """No row, no head: the signatures remember that there was a chain."""
    archive.sql("DELETE FROM history", "DELETE FROM history_heads")
    assert "one: the chain ends in row 0, but row 10 was signed" in "\n".join(archive.operations.verify())


def test_a_signature_by_a_foreign_key_does_not_count(archive: Archive) -> None:
    """Whoever rewrites a chain and signs it by a key of his own is told by that key."""
    archive.rewrite(6, version=99)
    archive.sql("DELETE FROM signed_heads WHERE sequence >= 6")
    forger = archive.open(keys="forged")
    forger.record("traffic", "m", 11, {}, at=archive.clock.now())
    (fault, unsigned) = archive.operations.verify()
    key = SigningKey.load_or_create(archive.folder / "forged").id
    assert fault.startswith(f"one: the signed head of row 11 does not count. Signed by key '{key}', which is not known")
    assert unsigned.startswith("one: its last 6 rows are not signed")


@pytest.mark.parametrize("change", ["at = at + 1", "hash = replace(hash, 'a', 'b')", "writer = 'two'", "sequence = 3"])
def test_a_signed_head_that_was_altered_does_not_count(archive: Archive, change: str) -> None:
    """A signature is for one writer, row, hash and moment."""
    archive.sql("DELETE FROM signed_heads WHERE sequence < 10", f"UPDATE signed_heads SET {change}")
    assert "is not over this head" in archive.operations.verify()[0]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("1 = 1", "one: none of its 10 rows is covered by a signature."),
        ("sequence > 4", "one: its last 6 rows are not signed: the last signature is of 2023-11-14 22:33:20 UTC, "),
    ],
)
def test_signatures_that_were_taken_away_are_missed(archive: Archive, condition: str, says: str) -> None:
    """A writer signs every minute in which it writes, so that rows far beyond the newest signature are a fault."""
    archive.sql(f"DELETE FROM signed_heads WHERE {condition}")
    (fault,) = archive.operations.verify()
    assert fault.startswith(says)


def test_a_head_kept_elsewhere_shows_what_was_cut_with_its_signatures(archive: Archive) -> None:
    """In the database alone a cut that takes the signatures along can't be found; with a head from outside it is."""
    kept = [SignedHead.from_json(each.to_json()) for each in archive.operations.heads()]
    archive.cut(7)
    archive.sql("DELETE FROM signed_heads WHERE sequence > 7")
    assert archive.operations.verify() == []
    assert "ends in row 7, but row 10 was signed" in archive.operations.verify(kept)[0]
    with pytest.raises(BadInput, match="--save-heads"):
        SignedHead.from_json("{}")


def test_a_key_that_cant_be_used_costs_no_row(new_url: str, tmp_path: Path) -> None:
    """The line is recorded, the log says why it is not signed, and it is signed when the key is there again."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pem").write_text("garbage")
    clock = FakeClock(START)
    operations = Operations(new_url, "one", clock, tmp_path / "keys")
    operations.record("traffic", "m", 1, {})
    assert operations.verify() == ["one: none of its 1 rows is covered by a signature."]
    (tmp_path / "keys" / "signing.pem").unlink()
    operations.seal()
    assert operations.heads() == []  # a minute is not over
    clock.advance(60.0)
    operations.seal()
    assert operations.verify() == []


def test_a_signature_for_a_head_is_for_nothing_else() -> None:
    """What is signed says what it is, so that a manifest's signature counts for no head, and the other way round."""
    assert Head("one", 1, "h", 2.0).message() == b'cuelight head 1\n["one",1,"h",2.0]'


def test_two_processes_of_a_host_share_a_chain(archive: Archive) -> None:
    """Either signs what both have written; that both sign the same row is no fault."""
    first, second = archive.open(), archive.open()
    waiting: list[Callable[[], None]] = [first.close, second.close]
    for number in range(11, 15):
        (first, second)[number % 2].record("traffic", "m", number, {}, at=archive.clock.now())
    for close in waiting:
        close()
    assert archive.operations.verify() == []
    assert archive.operations.heads()[0].head.sequence == 14
