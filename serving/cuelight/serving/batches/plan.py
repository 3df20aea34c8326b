"""What is to be scored by what: tables cut into parts, in their order. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cuelight.kit.errors import BadInput

CSV, PARQUET = "csv", "parquet"


@dataclass(frozen=True)
class Piece:
    """Rows of a table that follow each other: bytes [start, stop) of a CSV, or row groups of a Parquet file.

    `first` is the number of its first row in the table, from 0.
    """

    start: int
    stop: int
    first: int
    rows: int


@dataclass(frozen=True)
class Table:
    """A file with rows to score; `digest` is the SHA-256 of all of it, `header` a CSV's first record.

    `stamp` is `Place.stamp` of before it was read.
    """

    path: str
    form: str
    digest: str
    columns: tuple[str, ...]
    pieces: tuple[Piece, ...]
    header: str = ""
    stamp: str = ""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(each.rows for each in self.pieces)


@dataclass(frozen=True)
class Order:
    """By what tables are scored, and what is written beside the answers.

    `digest` is that of the version's files. `source` and `output` are paths or URLs, `keep` input columns (`*`: all),
    `max_errors` how many rows may fail.
    """

    model: str
    version: int
    digest: str
    source: str
    output: str
    keep: tuple[str, ...] = ()
    max_errors: int = 0

    @property
    def essence(self) -> dict[str, Any]:
        """What answers and their files depend on."""
        return {"model": self.model, "version": self.version, "digest": self.digest, "keep": list(self.keep)}


@dataclass(frozen=True)
class Part:
    """One file of the output, by its name, and what goes into it. Names in their order are the rows' order.

    `key` is a digest of all that its content depends on: a part that is there with another one is not this part.
    """

    name: str
    key: str
    path: str
    form: str
    header: str
    piece: Piece
    stamp: str = ""


@dataclass(frozen=True)
class Plan:
    """All of a batch."""

    order: Order
    tables: tuple[Table, ...]

    @property
    def rows(self) -> int:
        """How many rows there are to score."""
        return sum(each.rows for each in self.tables)

    def parts(self) -> Iterator[Part]:
        """The files of the output, in the rows' order."""
        for number, table in enumerate(self.tables):
            for place, piece in enumerate(table.pieces):
                content = [self.order.essence, table.path, table.digest, asdict(piece)]
                key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
                name = f"part-{number:05d}-{place:06d}"
                yield Part(name, key, table.path, table.form, table.header, piece, table.stamp)

    def document(self) -> dict[str, Any]:
        """What is written beside the parts, for people and for whoever goes on with it."""
        inputs = [{"path": each.path, "digest": each.digest, "rows": each.rows} for each in self.tables]
        return {**self.order.essence, "input": self.order.source, "rows": self.rows, "inputs": inputs}


def check_resumed(before: dict[str, Any], plan: Plan) -> list[str]:
    """Hold a plan against the `document` of the batch that an output was begun with; the files that changed since.

    Raises:
        BadInput: it was begun with another version, other columns to keep, or other files.
    """
    now = plan.document()
    changed = {name: before.get(name) for name in plan.order.essence if before.get(name) != now[name]}
    if changed:
        if "version" in changed:
            changed.pop("digest", None)
        told = ", ".join(f"{name} {value} (now {now[name]})" for name, value in changed.items())
        same = f"To go on with it, ask for the same (--version {before.get('version')}); else give another --output."
        raise BadInput(
            f"{plan.order.output} was begun with {told}. "
            + ("That version is there no more: give another --output." if list(changed) == ["digest"] else same)
        )
    old, new = (_digests(each["inputs"]) for each in (before, now))
    if list(old) != list(new):
        different = sorted(old.keys() ^ new.keys()) or list(new)
        raise BadInput(
            f"{plan.order.output} was begun with other files: {_some(different)}. Give the same --input, or another "
            "--output."
        )
    return [path for path, digest in new.items() if old[path] != digest]


def _digests(inputs: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {str(each["path"]): str(each["digest"]) for each in inputs}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
