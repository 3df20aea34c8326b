"""Rows as request bodies in each protocol, and predictions out of the answers."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

JSON, CSV, PARQUET, ARROW, TENSORS, BINARY = "JSON", "CSV", "Parquet", "Arrow", "OIP JSON", "OIP binary"
_HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Body:
    """One request: where it goes on the server, and what it carries."""

    protocol: str
    path: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def split(frame: Any, path: str) -> Body:
    """MLflow's `dataframe_split`."""
    content = {"dataframe_split": {"columns": list(frame.columns), "data": frame.to_numpy().tolist()}}
    return Body(JSON, path, orjson.dumps(content))


def table(frame: Any, path: str, protocol: str) -> Body:
    """CSV, Parquet, or an Arrow stream."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if protocol == CSV:
        return Body(CSV, path, frame.to_csv(index=False).encode(), {"Content-Type": "text/csv"})
    content, arrow = io.BytesIO(), pa.Table.from_pandas(frame, preserve_index=False)
    if protocol == PARQUET:
        pq.write_table(arrow, content)
        return Body(PARQUET, path, content.getvalue(), {"Content-Type": "application/vnd.apache.parquet"})
    with pa.ipc.new_stream(content, arrow.schema) as stream:
        stream.write_table(arrow)
    return Body(ARROW, path, content.getvalue(), {"Content-Type": "application/vnd.apache.arrow.stream"})


def tensors(frame: Any, path: str, binary: bool = False, one: bool = False, hint: str = "") -> Body:
    """The Open Inference Protocol, in JSON or with binary tensors (and a binary answer asked for).

    A tensor a column, or all columns, which are doubles, as `one` of shape (rows, columns). `hint` is what MLServer
    wants to be told of the request: its content type.
    """
    named = {"rows": frame.to_numpy()} if one else {name: frame[name].to_numpy() for name in frame.columns}
    parameters = {"content_type": hint} if hint else {}
    if not binary:
        inputs = [{**_head(name, values), "data": values.ravel().tolist()} for name, values in named.items()]
        return Body(TENSORS, path, orjson.dumps({"inputs": inputs, **({"parameters": parameters} if hint else {})}))
    inputs, parts = [_head(name, values) for name, values in named.items()], [_bytes(each) for each in named.values()]
    for head, part in zip(inputs, parts, strict=True):
        head["parameters"] = {**head.get("parameters", {}), "binary_data_size": len(part)}
    header = orjson.dumps({"inputs": inputs, "parameters": {**parameters, "binary_data_output": True}})
    headers = {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(header))}
    return Body(BINARY, path, b"".join([header, *parts]), headers)


def predictions(content: bytes, headers: Mapping[str, str]) -> list[Any]:
    """The answer's one column of predictions, in MLflow's, the Open Inference Protocol's, or a plain list's form.

    Raises:
        ValueError: it is in none of them.
    """
    length = {name.lower(): value for name, value in headers.items()}.get(_HEADER_LENGTH.lower())
    answer = orjson.loads(content[: int(length)] if length else content)
    if isinstance(answer, list):
        return answer
    if "predictions" in answer:
        return list(answer["predictions"])
    if "outputs" in answer:
        output = answer["outputs"][0]
        if "data" in output:
            return list(np.ravel(output["data"]).tolist())
        return list(np.frombuffer(content[int(length or 0) :], _DTYPES[output["datatype"]]).tolist())
    raise ValueError("an answer without predictions")


_DTYPES = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "UINT8": "u1", "BOOL": "?"}


def _head(name: str, values: Any) -> dict[str, Any]:
    if values.dtype.kind == "f":
        return {"name": name, "shape": list(values.shape), "datatype": "FP64"}
    return {"name": name, "shape": [len(values)], "datatype": "BYTES", "parameters": {"content_type": "str"}}


def _bytes(values: Any) -> bytes:
    if values.dtype.kind == "f":
        return bytes(values.astype("<f8").tobytes())
    encoded = [each.encode() for each in values]
    return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
