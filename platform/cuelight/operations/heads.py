"""Signed heads: where a writer's chain ended at a moment, vouched for by this installation's key."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from cuelight.kit.errors import BadInput
from cuelight.operations.engine import dump
from cuelight.operations.schema import heads, signed_heads


@dataclass(frozen=True, order=True)
class Head:
    """The last row of a writer's chain, `at` in seconds since the epoch."""

    writer: str
    sequence: int
    hash: str
    at: float

    def message(self) -> bytes:
        """What a signature is made over."""
        return b"cuelight head 1\n" + dump([self.writer, self.sequence, self.hash, self.at]).encode()


@dataclass(frozen=True, order=True)
class SignedHead:
    """A head, and its signature as `cuelight.kit.signing` makes it."""

    head: Head
    signature: str

    def to_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps({**asdict(self.head), "signature": self.signature})

    @classmethod
    def from_json(cls, text: str) -> SignedHead:
        """Read what `to_json` wrote.

        Raises:
            BadInput: the text is something else.
        """
        try:
            known = json.loads(text)
            head = Head(str(known["writer"]), int(known["sequence"]), str(known["hash"]), float(known["at"]))
            return cls(head, str(known["signature"]))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput("This is no signed head: give a file that `cuelight history --save-heads` wrote.") from error


def present(connection: sa.Connection, writer: str, at: float) -> Head | None:
    """Where the writer's chain ends now; None if it has none."""
    row = connection.execute(sa.select(heads).where(heads.c.writer == writer)).one_or_none()
    return Head(writer, row.sequence, row.hash, at) if row else None


def add(connection: sa.Connection, signed: SignedHead) -> None:
    """Keep a signed head.

    Raises:
        sqlalchemy.exc.IntegrityError: another process has signed this row.
    """
    values: dict[str, Any] = {**asdict(signed.head), "signature": signed.signature}
    connection.execute(sa.insert(signed_heads).values(values))


def read(connection: sa.Connection) -> list[SignedHead]:
    """All signed heads, in the order of writers and rows."""
    rows = connection.execute(sa.select(signed_heads).order_by(signed_heads.c.writer, signed_heads.c.sequence))
    return [SignedHead(Head(row.writer, row.sequence, row.hash, row.at), row.signature) for row in rows]
