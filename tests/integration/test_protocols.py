"""Every protocol over a real host: same numbers, same journal, clean refusals, and Triton's own client."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.protocol import media
from cuelight.serving.following.recent import recent_requests
from tests.support.forms import Form, arrow, every_form, parquet
from tests.support.host import POOL, Host, eventually
from tests.support.typed import FRAME, NUMBERS

FORMS = every_form(FRAME)


@pytest.fixture(scope="module")
def host(typed: Host) -> Host:
    """`mixed`, a classifier of columns of several types, and `numbers`, one of doubles."""
    return typed


def post(host: Host, form: Form, model: str = "mixed", **headers: str) -> Any:
    """The answer to a request in this form."""
    path = f"/v2/models/{model}/infer" if form.protocol == media.INFERENCE else f"/models/{model}/invocations"
    return POOL.request("POST", host.url + path, body=form.body, headers=form.headers | headers)


def labels(answer: Any) -> Any:
    """The predictions in an answer of any form."""
    if answer.headers["Content-Type"] == media.ARROW_STREAM:
        return pa.ipc.open_stream(answer.data).read_all().column("predictions").to_pylist()
    length = answer.headers.get("Inference-Header-Content-Length")
    if length is None:
        document = answer.json()
        return document["predictions"] if "predictions" in document else document["outputs"][0]["data"]
    blob, texts = answer.data[int(length) :], []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "little")
        texts.append(blob[4:end].decode())
        blob = blob[end:]
    return texts


def test_every_form_has_the_same_answer_and_the_same_rows_in_the_journal(host: Host) -> None:
    """Eleven forms, each plain, by gzip and by zstd; answers as JSON, as tensors, and as Arrow."""
    answers = {
        (name, accept): post(host, form, Accept=accept)
        for name, form in FORMS.items()
        for accept in ("*/*", *([media.ARROW_STREAM] if form.protocol == media.MLFLOW and "," not in name else []))
    }
    assert len(answers) == 3 * 10 + 8
    assert {name: each.status for name, each in answers.items() if each.status != 200} == {}
    want = labels(answers["inputs", "*/*"])
    assert set(want) == {"yes", "no"}
    assert {name: labels(each) for name, each in answers.items() if labels(each) != want} == {}
    assert {each.headers["Content-Type"] for each in answers.values()} == {media.JSON, media.BINARY, media.ARROW_STREAM}

    ids = [each.headers["X-Prediction-Id"] for each in answers.values()]
    rows = _journalled(host, ids)
    first = _contents(rows, ids[0])
    assert len(first) == 4
    assert first["input.city"].tolist() == FRAME["city"].tolist()
    for (name, accept), prediction_id in zip(answers, ids, strict=True):
        pd.testing.assert_frame_equal(_contents(rows, prediction_id), first, obj=f"{name} {accept}")
    requests = Journal(host.settings.journal_folder).requests(Query("mixed"))
    bodies = dict(zip(requests["prediction_id"], requests["request"], strict=True))
    kept = {name: bodies[prediction_id] for (name, _), prediction_id in zip(answers, ids, strict=True)}
    assert kept["CSV, gzip"] == kept["CSV, zstd"] == FORMS["CSV"].body
    kinds = {(each.media_type, each.protocol) for each in recent_requests(host.settings.journal_folder, "mixed")}
    assert (media.BINARY, media.INFERENCE) in kinds


def _journalled(host: Host, ids: list[str]) -> Any:
    journal = Journal(host.settings.journal_folder)

    def compacted() -> bool:
        Compactor(host.settings.journal_folder).run_once()
        return set(ids) <= set(journal.requests(Query("mixed"), [])["prediction_id"])

    eventually(compacted)
    return journal.rows(Query("mixed"))


def _contents(rows: Any, prediction_id: str) -> Any:
    mine = rows[rows["prediction_id"] == prediction_id].sort_values("row").reset_index(drop=True)
    return mine[[name for name in mine.columns if name.startswith(("input.", "output."))]]


def test_params_and_probabilities_go_by_every_protocol(host: Host) -> None:
    """`predict_proba` by params in JSON, in a table's schema, as a parameter, and as an output's name."""
    ask = {"predict_method": "predict_proba"}
    records = NUMBERS.to_dict(orient="records")
    want = POOL.request("POST", f"{host.url}/models/numbers/invocations", json={"instances": records, "params": ask})
    want = want.json()["predictions"]
    table = pa.Table.from_pandas(NUMBERS).replace_schema_metadata({"params": json.dumps(ask)})
    for kind, body in ((media.ARROW_STREAM, arrow(table)), (media.PARQUET, parquet(table))):
        answer = post(host, Form(body, {"Content-Type": kind}), "numbers")
        assert answer.json()["predictions"] == want
        answer = post(host, Form(body, {"Content-Type": kind}), "numbers", Accept=f"{media.ARROW_STREAM}, */*;q=0.1")
        assert labels(answer) == want
    tensor = {"name": "input-0", "shape": [3, 2], "datatype": "FP64", "data": NUMBERS.to_numpy().tolist()}
    for more in ({"parameters": ask}, {"outputs": [{"name": "predict_proba"}]}):
        body = json.dumps({"inputs": [tensor], **more}).encode()
        output = post(host, Form(body, {}, media.INFERENCE), "numbers").json()["outputs"]
        assert [each["name"] for each in output] == ["predict_proba"]
        assert output[0]["shape"] == [3, 2]
        assert np.reshape(output[0]["data"], (3, 2)).tolist() == want


@pytest.fixture(scope="module")
def client(host: Host) -> Iterator[Any]:
    """Triton's client."""
    client = triton.InferenceServerClient(host.url.removeprefix("http://"))
    yield client
    client.close()


@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_tritons_client_scores(client: Any, binary_in: bool, binary_out: bool, packed: str | None) -> None:
    """Columns of several types and one matrix; the id comes back, and the output by its name."""
    inputs = []
    for name in FRAME.columns:
        values = FRAME[name].to_numpy(dtype=object if name == "city" else None)
        kind = {"x": "FP64", "k": "INT32", "city": "BYTES", "yes": "BOOL"}[name]
        inputs.append(triton.InferInput(name, [4], kind).set_data_from_numpy(values, binary_data=binary_in))
    output = triton.InferRequestedOutput("output-1", binary_data=binary_out)
    result = client.infer(
        "mixed", inputs, outputs=[output], request_id="my-7", request_compression_algorithm=packed, timeout=5_000_000
    )
    found = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("output-1").tolist()]
    assert found == ["no", "yes", "no", "yes"]
    assert result.get_response()["id"] == "my-7"
    matrix = triton.InferInput("input-0", [3, 2], "FP64").set_data_from_numpy(NUMBERS.to_numpy(), binary_in)
    result = client.infer("numbers", [matrix], model_version="1")  # all outputs, binary
    assert result.as_numpy("output-1").dtype == np.int64
    assert result.as_numpy("output-1").tolist() == [0, 1, 1]


def test_tritons_client_reads_health_metadata_and_index(client: Any) -> None:
    """What it asks for before it scores."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("mixed")
    assert client.is_model_ready("mixed", "1")
    assert not client.is_model_ready("mixed", "7")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "cuelight"
    about = client.get_model_metadata("mixed", "1")
    assert (about["name"], about["versions"], about["platform"]) == ("mixed", ["1"], "mlflow_sklearn")
    assert [(each["name"], each["datatype"], each["shape"]) for each in about["inputs"]] == [
        ("x", "FP64", [-1]),
        ("k", "INT32", [-1]),
        ("city", "BYTES", [-1]),
        ("yes", "BOOL", [-1]),
    ]
    assert [(each["name"], each["datatype"]) for each in about["outputs"]] == [("output-1", "BYTES")]
    index = client.get_model_repository_index()
    assert {(each["name"], each["version"], each["state"]) for each in index} == {
        ("mixed", "1", "READY"),
        ("numbers", "1", "READY"),
    }
    answer = POOL.request("POST", f"{host_of(client)}/v2/repository/index", body=b'{"ready": 5}')
    assert answer.status == 400


def host_of(client: Any) -> str:
    """The address that Triton's client talks to."""
    return f"http://{client._parsed_url.netloc}"


def test_tritons_client_reads_our_errors(client: Any) -> None:
    """Under `error`, beside the fields of the one shape."""
    with pytest.raises(InferenceServerException, match="Model 'nobody' is not served") as caught:
        client.get_model_metadata("nobody")
    assert caught.value.status() == "404"
    three = triton.InferInput("x", [1], "FP64").set_data_from_numpy(np.zeros(1))
    with pytest.raises(InferenceServerException, match="Missing columns") as caught:
        client.infer("mixed", [three])
    assert caught.value.status() == "400"
    document = (
        json.loads(caught.value.debug_details() or "{}")
        or POOL.request("POST", f"{host_of(client)}/v2/models/mixed/infer", body=b"{}").json()
    )
    assert set(document) == {"error_code", "message", "request_id", "error"}
    assert document["error"] == document["message"]
    missing = POOL.request("GET", f"{host_of(client)}/v2/no/such/page").json()
    assert set(missing) == {"error_code", "message", "request_id", "error"}


def test_mlservers_way_of_asking_is_taken(host: Host) -> None:
    """Its pandas codec: a content type for the request and for each column, columns of shape [n, 1]."""
    inputs = [
        {
            "name": name,
            "shape": [4, 1],
            "datatype": {"x": "FP64", "k": "INT32", "city": "BYTES", "yes": "BOOL"}[name],
            "data": FRAME[name].tolist(),
            "parameters": {"content_type": "str" if name == "city" else "np"},
        }
        for name in FRAME.columns
    ]
    body = json.dumps({"id": "a", "parameters": {"content_type": "pd"}, "inputs": inputs}).encode()
    answer = post(host, Form(body, {"Content-Type": "application/json"}, media.INFERENCE))
    assert labels(answer) == ["no", "yes", "no", "yes"]


def _faults() -> Iterator[tuple[str, Form, int]]:
    table, zeros = pa.Table.from_pandas(FRAME), b'{"instances": [' + b" " * (80 << 20) + b"]}"
    arrow_body, parquet_body = arrow(table), parquet(table)
    stream, json_type = {"Content-Type": media.ARROW_STREAM}, {"Content-Type": media.JSON}
    yield "Arrow cut short", Form(arrow_body[:-300], stream), 400
    yield "Parquet cut short", Form(parquet_body[:-30], {"Content-Type": media.PARQUET}), 400
    yield "no Arrow at all", Form(b"x" * 100, stream), 400
    yield "an Arrow bomb", Form(arrow(pa.table({"x": np.zeros(10 << 20)}), compression="zstd"), stream), 413
    yield "too many rows", Form(arrow(pa.table({"x": pa.nulls(2**31 - 1)})), stream), 413
    yield "a gzip bomb", Form(gzip.compress(zeros, 1), json_type | {"Content-Encoding": "gzip"}), 413
    yield "no gzip", Form(b'{"instances": []}', json_type | {"Content-Encoding": "gzip"}), 400
    yield "nothing, by gzip", Form(gzip.compress(b""), json_type | {"Content-Encoding": "gzip"}), 400
    yield "two encodings", Form(b"{}", json_type | {"Content-Encoding": "gzip, gzip"}), 415
    yield "an unknown encoding", Form(b"{}", json_type | {"Content-Encoding": "br"}), 415
    yield "an unknown type", Form(b"{}", {"Content-Type": "application/x"}), 415
    length = {"Inference-Header-Content-Length": "5000"}
    yield "a header beyond the body", Form(b'{"inputs": []}', length, media.INFERENCE), 400
    huge = {"name": "x", "shape": [9, 2**62], "datatype": "FP64", "parameters": {"binary_data_size": 0}}
    yield "a shape beyond memory", Form(json.dumps({"inputs": [huge]}).encode(), {}, media.INFERENCE), 400
    huge = huge | {"shape": [2**62, 2**62]}
    yield "a shape of too many rows", Form(json.dumps({"inputs": [huge]}).encode(), {}, media.INFERENCE), 413
    yield "no JSON", Form(b"{", {}, media.INFERENCE), 400


def test_faults_are_clean_and_leave_the_worker_alive(host: Host) -> None:
    """One error shape, the right status, no value of the body; the worker that answered is the one that answers."""
    before = [each.pid for each in host.workers()]
    for name, form, status in _faults():
        answer = post(host, form)
        assert answer.status == status, f"{name}: {answer.data!r}"
        document = answer.json()
        assert set(document) - {"error"} == {"error_code", "message", "request_id"}, name
        assert ("error" in document) == (form.protocol == media.INFERENCE), name
        assert answer.headers["X-Prediction-Id"], name
    assert [each.pid for each in host.workers()] == before
    assert labels(post(host, FORMS["inputs"])) == ["no", "yes", "no", "yes"]


def test_versions_are_pinned_in_v2s_urls_too(host: Host) -> None:
    """As by `/versions/{n}` elsewhere; one that is not there, or is no number, is 404."""
    body = json.dumps({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}).encode()
    statuses = [
        POOL.request("POST", f"{host.url}/v2/models/numbers{place}/infer", body=body).status
        for place in itertools.chain(["", "/versions/1", "/versions/2", "/versions/v1"])
    ]
    assert statuses == [200, 200, 404, 404]
