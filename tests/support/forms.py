"""The same rows in every form that a request can have, each also compressed."""

from __future__ import annotations

import gzip
import io
import json
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from cuelight.protocol import media

DATATYPES = {"float64": "FP64", "float32": "FP32", "int64": "INT64", "int32": "INT32", "bool": "BOOL"}


@dataclass(frozen=True)
class Form:
    """A request's body with the headers and the protocol that it needs."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    protocol: str = media.MLFLOW


def every_form(frame: Any) -> dict[str, Form]:
    """All forms of a DataFrame of numbers, booleans, texts and moments, without missing values."""
    forms = _mlflow(frame) | _tables(frame) | _inference(frame)
    zipped = {f"{name}, gzip": _encoded(each, "gzip", gzip.compress(each.body)) for name, each in forms.items()}
    pressed = {
        f"{name}, zstd": _encoded(each, "zstd", zstandard.ZstdCompressor().compress(each.body))
        for name, each in forms.items()
    }
    return forms | zipped | pressed


def arrow(table: pa.Table, file: bool = False, compression: str | None = None) -> bytes:
    """An Arrow stream or file."""
    sink = pa.BufferOutputStream()
    open_ = pa.ipc.new_file if file else pa.ipc.new_stream
    with open_(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def parquet(table: pa.Table, **options: Any) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def _encoded(form: Form, name: str, body: bytes) -> Form:
    return replace(form, body=body, headers=form.headers | {"Content-Encoding": name})


def _mlflow(frame: Any) -> dict[str, Form]:
    texts = frame.copy()
    for name in frame.select_dtypes("datetime").columns:
        texts[name] = [each.isoformat() for each in frame[name]]
    split = {"columns": list(texts.columns), "data": texts.to_numpy(dtype=object).tolist()}
    records = texts.to_dict(orient="records")
    documents = {
        "dataframe_split": split,
        "dataframe_records": records,
        "instances": records,
        "inputs": texts.to_dict(orient="list"),
    }
    forms = {name: Form(json.dumps({name: each}).encode(), _type(media.JSON)) for name, each in documents.items()}
    return forms | {"CSV": Form(texts.to_csv(index=False).encode(), _type(media.CSV))}


def _tables(frame: Any) -> dict[str, Form]:
    table = pa.Table.from_pandas(frame)
    return {
        "Parquet": Form(parquet(table), _type(media.PARQUET)),
        "Arrow stream": Form(arrow(table), _type(media.ARROW_STREAM)),
        "Arrow file": Form(arrow(table, file=True, compression="lz4"), _type(media.ARROW_FILE)),
    }


def _inference(frame: Any) -> dict[str, Form]:
    listed, binary, blobs = [], [], []
    for name in frame.columns:
        values = frame[name]
        if str(values.dtype).startswith("datetime"):
            values = [each.isoformat() for each in values]
        datatype = DATATYPES.get(str(frame[name].dtype), "BYTES")
        tensor = {"name": name, "shape": [len(frame)], "datatype": datatype}
        listed.append(tensor | {"data": list(values) if isinstance(values, list) else values.tolist()})
        blob = b"".join(map(counted, values)) if datatype == "BYTES" else values.to_numpy().tobytes()
        binary.append(tensor | {"parameters": {"binary_data_size": len(blob)}})
        blobs.append(blob)
    head = json.dumps({"id": "7", "inputs": binary, "parameters": {"binary_data_output": True}}).encode()
    return {
        "v2 JSON": Form(json.dumps({"inputs": listed}).encode(), _type(media.JSON), media.INFERENCE),
        "v2 binary": Form(
            head + b"".join(blobs),
            _type(media.BINARY) | {"Inference-Header-Content-Length": str(len(head))},
            media.INFERENCE,
        ),
    }


def counted(text: str) -> bytes:
    """A text as an element of a binary tensor."""
    content = text.encode()
    return struct.pack("<I", len(content)) + content


def _type(name: str) -> dict[str, str]:
    return {"Content-Type": name}
