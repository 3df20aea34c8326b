"""Parquet and Arrow IPC: tables in, and tables out. Imports PyArrow: bring it in only where a table comes or goes.

What a hostile body could do is bounded before it is done: sizes and rows are read from its metadata (`expansion`),
only the columns that the signature asks for are decoded, only plain types are taken, and each array is validated in
full before a value is touched.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cuelight.kit.errors import BadInput, ModelFault
from cuelight.protocol import answer, convert, expansion, fit, media
from cuelight.protocol.compression import too_large
from cuelight.protocol.encode import encode
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Signature
from cuelight.protocol.typed import Typed

_PARAMS = b"params"
_FORM = b"cuelight.form"
_MAGIC = b"ARROW1"
_THEMSELVES = frozenset((int, float, list, type(None)))  # types among which a NaN stays one
_POINTER = 8  # bytes
_LARGEST_METADATA = 1 << 24  # bytes and entries that Parquet's own metadata may hold


def read(
    kind: str, body: bytes, signature: Signature, limits: Limits
) -> tuple[dict[str, Typed], Mapping[str, Any] | None]:
    """The columns of a table that the signature asks for (all, if it has none), and its `params`, if it has some.

    `kind` is one of `media.PARQUET`, `media.ARROW_STREAM`, `media.ARROW_FILE`. Parameters are the JSON object under
    `params` in the schema's metadata.

    Raises:
        BadInput: it can't be read, or a column is of a type that is not taken.
        TooLarge: it has more rows, or would take more bytes, than `limits` say.
    """
    try:
        if kind == media.PARQUET:
            table = _parquet(body, signature, limits)
        else:
            table = _arrow(_inner(body) if kind == media.ARROW_FILE else body, signature, limits)
        table.validate(full=True)
        given = {name: _typed(name, table.column(name), limits.size) for name in table.column_names}
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        struct.error,
        MemoryError,
    ) as error:
        # Its text may hold values.
        raise BadInput(f"The body can't be read as {_called(kind)} ({type(error).__name__}).") from None
    return given, _params(table.schema.metadata)


def write(predictions: Any) -> bytes:
    """An Arrow stream of one batch: the column `predictions`, or one column for each that the model names.

    Several values a row are a fixed-size list.

    Raises:
        ModelFault: Arrow has no type for what the model answered.
    """
    form, columns = answer.columns(predictions)
    try:
        arrays = {name: _array(values) for name, values in columns.items()}
        schema = pa.schema([(name, each.type) for name, each in arrays.items()], metadata={_FORM: form.encode()})
        batch = pa.record_batch(list(arrays.values()), schema=schema)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        raise ModelFault("The model's answer can't be written as an Arrow table. Ask for JSON.") from None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def predictions(body: bytes) -> Any:
    """What `write` was given, as JSON has it: a list, a list of objects, or an object of lists.

    Raises:
        ValueError: it is no such stream.
    """
    with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
        table = stream.read_all()
    form = (table.schema.metadata or {}).get(_FORM, b"").decode()
    if form in (answer.COLUMNS, answer.RECORDS):
        values: Any = table.to_pydict() if form == answer.COLUMNS else table.to_pylist()
    else:
        column = table.column(answer.PREDICTIONS)
        values = column.to_numpy() if pa.types.is_timestamp(column.type) else column.to_pylist()
    return orjson.loads(encode(values))[answer.PREDICTIONS]


def _arrow(body: bytes, signature: Signature, limits: Limits) -> pa.Table:
    claimed = expansion.of_arrow(body)
    if claimed > limits.size:
        raise too_large("The table", limits.size)
    with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
        names = _chosen(stream.schema.names, signature)
        batches, rows = [], 0
        for batch in stream:
            rows += batch.num_rows
            if rows > limits.rows:
                raise fit.too_many(limits.rows)
            batches.append(batch.select(names))
        schema = pa.schema([stream.schema.field(name) for name in names], metadata=stream.schema.metadata)
    return pa.Table.from_batches(batches, schema)


def _parquet(body: bytes, signature: Signature, limits: Limits) -> pa.Table:
    if expansion.of_parquet(body) > limits.size:
        raise too_large("The table", limits.size)
    file = pq.ParquetFile(
        pa.BufferReader(body),
        thrift_string_size_limit=_LARGEST_METADATA,
        thrift_container_size_limit=_LARGEST_METADATA,
    )
    if file.metadata.num_rows > limits.rows:
        raise fit.too_many(limits.rows)
    schema = file.schema_arrow
    names = _chosen(schema.names, signature)
    # Texts that repeat come as indices: a long one in each of many rows must not be multiplied.
    texts = [name for name in names if _is_text(schema.field(name).type)]
    file = pq.ParquetFile(pa.BufferReader(body), metadata=file.metadata, read_dictionary=texts)
    return file.read(columns=names, use_threads=False).replace_schema_metadata(schema.metadata)


def _inner(body: bytes) -> bytes:
    """The stream that an Arrow file holds between its magic numbers; its footer is only an index."""
    if not (body.startswith(_MAGIC) and body.endswith(_MAGIC) and len(body) > 2 * len(_MAGIC)):
        raise ValueError("no Arrow file")
    return body[8:]


def _chosen(names: list[str], signature: Signature) -> list[str]:
    """The columns to decode, each once.

    Raises:
        BadInput: a name is there twice.
    """
    if len(set(names)) != len(names):
        raise BadInput("A column name is there twice.")
    if not (signature.columns or signature.tensors):
        fit.width(len(names))
    if signature.columns:
        there = set(names)
        return [each.name for each in signature.columns if each.name in there]
    if signature.tensors and signature.tensors[0].name:
        wanted = {each.name for each in signature.tensors}
        return [name for name in names if name in wanted]
    return names


def _typed(name: str, chunks: pa.ChunkedArray, max_bytes: int) -> Typed:
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # too large for one array of its type
        raise too_large("A column", max_bytes)
    kind = array.type
    if isinstance(kind, pa.DictionaryType):
        return _from_dictionary(name, array, max_bytes)
    missing = np.asarray(array.is_null()) if array.null_count else None
    if _is_text(kind):
        if _length(array) > max_bytes:
            raise too_large(f"Column `{fit.short(name)}`", max_bytes)
        return Typed(convert.objects(array.to_pylist()))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Typed(_moments(array), missing)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return Typed(_numbers(array), missing)
    if pa.types.is_null(kind):
        return Typed(np.full(len(array), None, object), np.ones(len(array), bool))
    if isinstance(array, pa.FixedShapeTensorArray):
        return Typed(array.to_numpy_ndarray())
    if _is_plain_list(kind):
        return _from_lists(name, array, max_bytes)
    raise BadInput(
        f"Column `{fit.short(name)}` has an Arrow type that is not taken: send numbers, booleans, texts or times."
    )


def _numbers(array: pa.Array) -> Array:
    if array.null_count:
        array = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _moments(array: pa.Array) -> Array:
    unit = array.type.unit if pa.types.is_timestamp(array.type) else "ms" if array.type == pa.date64() else "D"
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    numbers = array.view(width)
    filled = numbers.fill_null(0) if numbers.null_count else numbers
    return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(np.int64).view(f"datetime64[{unit}]")


def _from_dictionary(name: str, array: Any, max_bytes: int) -> Typed:
    """Each index's value: texts are shared, never copied."""
    known = _typed(name, pa.chunked_array([array.dictionary]), max_bytes)
    missing = np.asarray(array.indices.is_null()) if array.indices.null_count else None
    indices = _numbers(array.indices)
    if len(known.values) == 0:
        return Typed(np.full(len(array), None, object), np.ones(len(array), bool))
    values = known.values[indices]
    if known.missing is not None:
        missing = known.missing[indices] if missing is None else missing | known.missing[indices]
    if known.values.dtype == object:
        sizes = np.array(
            [len(each) if isinstance(each, str | bytes) else 0 for each in known.values.tolist()], np.int64
        )
        if int(sizes[indices].sum()) > max_bytes:
            raise too_large(f"Column `{fit.short(name)}`", max_bytes)
        if missing is not None:
            values[missing] = None
            missing = None
    return Typed(values, missing)


def _is_text(kind: pa.DataType) -> bool:
    """Whether values are texts or bytes."""
    return any(check(kind) for check in _TEXTS)


def _length(array: pa.Array) -> int:
    """Bytes of all texts together; several views may show the same bytes."""
    if pa.types.is_string_view(array.type) or pa.types.is_binary_view(array.type):
        views = np.frombuffer(array.buffers()[1], np.int32)[4 * array.offset :: 4][: len(array)]
        return int(views.astype(np.int64).sum())
    return int(pc.sum(pc.binary_length(array)).as_py() or 0)


def _is_plain_list(kind: pa.DataType) -> bool:
    """Lists, also of lists, of numbers, booleans or texts: an empty inner type would cost no bytes to repeat."""
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if pa.types.is_fixed_size_list(kind) and kind.list_size == 0:
            return False
        kind = kind.value_type
        if pa.types.is_primitive(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return not pa.types.is_null(kind)
    return False


def _from_lists(name: str, array: Any, max_bytes: int) -> Typed:
    """Lists of one length and without nulls as an array of two dimensions, others as objects."""
    leaves, depth = array, 0
    while not (pa.types.is_primitive(leaves.type) or _is_text(leaves.type)):
        leaves, depth = leaves.flatten(), depth + 1
    if _POINTER * len(leaves) * depth > max_bytes:
        raise too_large(f"Column `{fit.short(name)}`", max_bytes)
    if pa.types.is_fixed_size_list(array.type) and depth == 1 and not (array.null_count or leaves.null_count):
        return Typed(_numbers(leaves).reshape(len(array), array.type.list_size))
    return Typed(convert.objects(array.to_pylist()))


def _params(metadata: Mapping[bytes, bytes] | None) -> Any:
    text = (metadata or {}).get(_PARAMS)
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadInput("`params` in the schema's metadata is not valid JSON.") from None


def _array(values: Any) -> pa.Array:
    if isinstance(values, np.ndarray) and values.ndim > 1:
        flat = np.ascontiguousarray(values).reshape(-1)
        array = pa.array(flat)
        for size in reversed(values.shape[1:]):
            array = pa.FixedSizeListArray.from_arrays(array, size)
        return array
    if getattr(values, "dtype", "") == "object":
        values = values.tolist()
    if isinstance(values, list) and not set(map(type, values)) <= _THEMSELVES:
        return pa.array(values, from_pandas=True)  # a NaN among texts, or NaT among dates, is a missing one
    return pa.array(values)


def _called(kind: str) -> str:
    return "Parquet" if kind == media.PARQUET else "Arrow IPC"


_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
