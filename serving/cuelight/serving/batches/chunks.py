"""A part's rows, as many at a time as are predicted together."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.kit.errors import BadInput, Unavailable
from cuelight.kit.place import Place
from cuelight.protocol import media
from cuelight.protocol.signature import Signature
from cuelight.serving.batches.plan import CSV, Part
from cuelight.serving.batches.records import split

ROWS = 50_000  # of Parquet, at most; a CSV's part is predicted as one
_BUFFER = 1 << 20  # bytes read ahead of each column
ALL = "*"


class Chunk(Protocol):
    """Rows [first, first + count) of a table."""

    @property
    def first(self) -> int: ...

    @property
    def count(self) -> int: ...

    def body(self) -> tuple[str, bytes]:
        """Media type and bytes of a request for these rows."""

    def halves(self) -> tuple[Chunk, Chunk]:
        """The same in two; there must be two rows at least."""

    def columns(self, names: Sequence[str]) -> dict[str, pa.Array]:
        """What the rows hold in these columns (`*`: in all), a CSV's as texts."""


@dataclass(frozen=True)
class Records:
    """Rows of a CSV, as they are there."""

    header: bytes
    content: bytes
    first: int
    count: int

    def body(self) -> tuple[str, bytes]:
        return media.CSV, self.header + b"\n" + self.content

    def halves(self) -> tuple[Chunk, Chunk]:
        middle = self.count // 2
        one, other = split(self.content)
        return (
            Records(self.header, one, self.first, middle),
            Records(self.header, other, self.first + middle, self.count - middle),
        )

    def columns(self, names: Sequence[str]) -> dict[str, pa.Array]:
        reader = csv.DictReader(io.StringIO(self.body()[1].decode(errors="replace")))
        wanted = reader.fieldnames or [] if ALL in names else names
        values: dict[str, list[str | None]] = {name: [] for name in wanted}
        for record in reader:
            for name, column in values.items():
                column.append(record.get(name))
        return {name: pa.array(column, pa.string()) for name, column in values.items()}


@dataclass(frozen=True)
class Batch:
    """Rows of a Parquet file."""

    table: pa.Table
    asked: Sequence[str]  # columns that the model is given
    first: int

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    def body(self) -> tuple[str, bytes]:
        sink = pa.BufferOutputStream()
        table = self.table.select(self.asked)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return media.ARROW_STREAM, sink.getvalue().to_pybytes()

    def halves(self) -> tuple[Chunk, Chunk]:
        middle = self.count // 2
        rest = Batch(self.table.slice(middle), self.asked, self.first + middle)
        return Batch(self.table.slice(0, middle), self.asked, self.first), rest

    def columns(self, names: Sequence[str]) -> dict[str, pa.Array]:
        wanted = self.table.column_names if ALL in names else names
        return {name: self.table.column(name) for name in wanted}


def chunks(place: Place, part: Part, signature: Signature, keep: Sequence[str]) -> Iterator[Chunk]:
    """The rows of a part, in their order; of Parquet no more than so many are in memory at once.

    Raises:
        BadInput: it is damaged, or of a kind that can't be read here.
        Unavailable: reading failed.
    """
    try:
        with place.at(part.path).open() as file:
            if part.form == CSV:
                file.seek(part.piece.start)
                content = file.read(part.piece.stop - part.piece.start)
                yield Records(part.header.encode(), bytes(content), part.piece.first, part.piece.rows)
            else:
                yield from _batches(pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False), part, signature, keep)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BadInput(f"{part.path} can't be read ({type(error).__name__}): it may be damaged.") from error
    except OSError as error:  # also Arrow's word for pages that are damaged
        raise Unavailable(f"{part.path} can't be read: {str(error).strip()}") from error


def _batches(file: pq.ParquetFile, part: Part, signature: Signature, keep: Sequence[str]) -> Iterator[Chunk]:
    names = file.schema_arrow.names
    known = {*(each.name for each in signature.columns), *(each.name for each in signature.tensors)} - {""}
    asked = [name for name in names if name in known] if known else names
    wanted = names if ALL in keep else list(dict.fromkeys((*asked, *keep)))
    first = part.piece.first
    groups = range(part.piece.start, part.piece.stop)
    for batch in file.iter_batches(ROWS, row_groups=groups, columns=wanted, use_threads=False):
        yield Batch(pa.Table.from_batches([batch]), asked, first)
        first += batch.num_rows
