"""A window of the journal as a file: JSONL, CSV or Parquet, by its ending."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuelight.kit.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    Write = Callable[[pa.RecordBatch], None]


def write(file: Path, batches: pa.RecordBatchReader) -> int:
    """Write all batches, and return how many rows that were; the file is whole, or not there.

    In JSONL and CSV a body is its text. One that is no UTF-8 stands in Base64 in `request_base64` or
    `response_base64`, as does any other column of bytes.

    Raises:
        BadInput: the name has none of the endings.
    """
    check(file)
    beside, count = file.with_name(f".{file.name}.tmp"), 0
    try:
        with _FORMS[file.suffix.lower()](beside, _schema(file, batches.schema)) as put:
            for batch in batches:
                put(batch)
                count += batch.num_rows
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    return count


def check(file: Path) -> None:
    """Raise BadInput if the name has none of the endings."""
    if file.suffix.lower() not in _FORMS:
        raise BadInput(f"{file}: the name must end in {', '.join(_FORMS)}.")


def _schema(file: Path, schema: pa.Schema) -> pa.Schema:
    return schema if file.suffix.lower() == ".parquet" else readable(schema.empty_table()).schema


def readable(table: pa.Table) -> pa.Table:
    """The table with texts in place of bytes: `<name>` where they are UTF-8, else `<name>_base64`; lists as JSON."""
    import orjson
    import pyarrow as pa

    for field in table.schema:
        position = table.schema.get_field_index(field.name)
        if pa.types.is_nested(field.type):
            lists = table.column(field.name).to_pylist()
            lines = [None if each is None else orjson.dumps(each).decode() for each in lists]
            table = table.set_column(position, field.name, pa.array(lines, pa.string()))
        if pa.types.is_binary(field.type):
            values = table.column(field.name).to_pylist()
            texts = [None if each is None else _text(each) for each in values]
            coded = [
                None if each is None or text is not None else base64.b64encode(each).decode()
                for each, text in zip(values, texts, strict=True)
            ]
            table = table.set_column(position, field.name, pa.array(texts, pa.string()))
            table = table.add_column(position + 1, f"{field.name}_base64", pa.array(coded, pa.string()))
    return table


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


@contextmanager
def _jsonl(path: Path, _schema: pa.Schema) -> Iterator[Write]:
    import orjson
    import pyarrow as pa

    with path.open("wb") as file:

        def put(batch: pa.RecordBatch) -> None:
            for row in readable(pa.Table.from_batches([batch])).to_pylist():
                file.write(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE))

        yield put


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import csv

    with csv.CSVWriter(path, schema) as writer:
        yield lambda batch: writer.write_table(readable(pa.Table.from_batches([batch])))


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    from pyarrow import parquet

    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        yield writer.write_batch


_FORMS: dict[str, Callable[[Path, Any], AbstractContextManager[Write]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
