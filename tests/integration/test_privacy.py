"""Values planted in personal columns, in good, bad, refused and failing requests, are in no file of the run."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.operations.database import Operations
from cuelight.protocol import media
from cuelight.registry.memory import MemoryRegistry
from tests.support.connection import connected, read_answer
from tests.support.forms import Form, every_form
from tests.support.host import POOL, Host, eventually, running, stock
from tests.support.models import Shelf

NAME, PHONE = "Quetzalcoatl Ünique", 4915550123457
FORGED = 'x", "action": "forged", "y": "'
FRAME = pd.DataFrame({"name": [NAME, "Bo"], "phone": [float(PHONE), 1.0], "x": [0.5, 99.0]})
FAILS = pd.DataFrame({"name": [NAME], "phone": [float(PHONE)], "x": [-1.0]})


class Echo(LinearRegression):  # type: ignore[misc]
    """Answers with the name and the number that it was asked with, and raises them where `x` is below 0."""

    def fit(self, *_: Any) -> Echo:
        return self

    def predict(self, rows: Any) -> Any:
        if (rows["x"] < 0).any():
            raise ValueError(f"no answer for {rows['name'].iloc[0]}, {rows['phone'].iloc[0]}")
        return pd.DataFrame({"greeting": "Dear " + rows["name"], "call": rows["phone"], "double": 2 * rows["x"]})


def save(folder: Path) -> None:
    """As MLflow does."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    example = pd.DataFrame({"name": ["Ann"], "phone": [1.0], "x": [1.0]})
    mlflow.sklearn.save_model(
        Echo().fit(),
        folder,
        serialization_format="cloudpickle",
        signature=infer_signature(example, Echo().predict(example)),
        pip_requirements=["scikit-learn"],
        input_example=example,
    )


def planted() -> dict[str, bytes]:
    """What is looked for, and how it is written there."""
    texts = {"name": NAME, "number": str(PHONE), "part": NAME.split()[0]}
    found = {}
    for what, text in texts.items():
        for code in ("utf-8", "utf-16-le", "utf-16-be"):
            found[f"{what} in {code}"] = text.encode(code)
        found[f"{what} as JSON"] = json.dumps(text)[1:-1].encode()
        for shift in range(3):  # wherever it stands in a longer text
            whole = base64.b64encode(b" " * shift + text.encode())
            found[f"{what} in base64, {shift}"] = whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
    found["number as a double"] = struct.pack("<d", PHONE)
    found["number as an integer"] = struct.pack("<q", PHONE)
    found["number in exponents"] = f"{float(PHONE):e}"[:14].encode()
    return found


def contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what is inside those that are compressed."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_socket():
            name, content = str(path.relative_to(home)), path.read_bytes()
            yield name, content
            if path.suffix == ".parquet":
                yield name + " inside", _plain(pq.read_table(io.BytesIO(content)))


def _plain(table: Any) -> bytes:
    buffers = (each for column in table.columns for chunk in column.chunks for each in chunk.buffers())
    return b"\0".join([*(bytes(each) for each in buffers if each), repr(table.to_pylist()).encode()])


def leaks(home: Path) -> list[str]:
    """Where something planted is, and what."""
    return [
        f"{where}: {what}" for where, content in contents(home) for what, text in planted().items() if text in content
    ]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """In each form, also inside Parquet: a search that finds nothing anywhere shows nothing."""
    for number, (what, text) in enumerate(planted().items()):
        (tmp_path / f"{number}").write_bytes(b"x" + text + b"y")
        assert any(each.startswith(f"{number}: ") for each in leaks(tmp_path)), what
        (tmp_path / f"{number}").unlink()
    FRAME.to_parquet(tmp_path / "a.parquet", compression="zstd")
    assert {"a.parquet inside: name in utf-8", "a.parquet inside: number as a double"} <= set(leaks(tmp_path))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, list[int]]:
    """A host whose model has personal columns, and the statuses of all that it was asked, in each `journal.pii`."""
    folder, registry = tmp_path_factory.mktemp("privacy"), MemoryRegistry()
    with running(folder / "home", registry, serving_workers=1) as host:
        operations = Operations(host.settings.operations_url, "local", keys=host.settings.keys_folder)
        host.stop_follower()
        host.record = operations.record
        host.start_follower()
        shelf = Shelf(registry, folder / "shelf", host.settings.keys_folder)
        for _ in range(3):
            shelf.keep("echo", save)
        registry.set_model_tags("echo", {"cuelight.pii": "name", "cuelight.shadow": "100"})
        registry.set_version_tags("echo", 2, {"cuelight.pii": "phone, fone"})
        registry.set_stage("echo", 1, "Production")
        registry.set_stage("echo", 2, "Staging")
        host.wait_for("echo", 1)
        host.wait_for("echo", 2, "Staging")
        eventually(lambda: "echo" in host.generation().traffic)
        statuses = [*_ask(host), *_flask(host, folder)]
        _break_http(host)
        registry.set_stage("echo", 3, "Production")  # tried on what came
        host.wait_for("echo", 3)
        for how in ("mask", "hash"):
            host.stop_server()
            host.settings = replace(host.settings, journal_pii=how)
            host.start_server()
            statuses += _ask(host)
        operations.close()
    return host, statuses


def _ask(host: Host) -> Iterator[int]:
    forms = every_form(FRAME)
    for form in forms.values():
        yield post(host, form)
        yield post(host, replace(form, headers={**form.headers, "Accept": media.ARROW_STREAM}))
    for form in every_form(FAILS).values():
        yield post(host, replace(form, headers={**form.headers, "X-Request-Id": FORGED}))
    for form in forms.values():
        yield post(host, replace(form, body=form.body[: len(form.body) * 2 // 3]))
        yield post(host, form, "ecco")
    body = json.dumps({"dataframe_split": {"columns": [NAME, str(PHONE)], "data": [[1, 2]]}}).encode()
    yield post(host, Form(body, {"Content-Type": "application/json"}))
    yield post(host, Form(body, {"Content-Type": "text/plain"}))
    yield post(host, Form(NAME.encode(), {"Content-Type": "text/csv"}))
    good = forms["dataframe_split"]
    for path in ("/versions/3", "/versions/9", "/aliases/none", "/stages/Staging"):
        yield post(host, good, path=path)
    eventually(lambda: post(host, good, path="/versions/3") == 200)  # from the annex
    yield post(host, replace(good, headers={**good.headers, "X-Request-Timeout-Ms": "0.001"}))


def _break_http(host: Host) -> None:
    """Requests that are no HTTP, of which gunicorn would quote the wrong line."""
    for line in (f"GET /{NAME} {PHONE}\r\n\r\n", f"GET / HTTP/1.1\r\n{NAME} {PHONE}: 1\r\n\r\n"):
        with connected(host) as connection:
            connection.sendall(line.encode())
            assert read_answer(connection)[0] == 400


def _flask(host: Host, folder: Path) -> Iterator[int]:
    (folder / "stock").mkdir()
    with stock(host, folder / "stock") as other:
        for frame in (FRAME, FAILS):
            yield from (post(other, form) for form in list(every_form(frame).values())[:8])


def post(host: Host, form: Form, model: str = "echo", path: str = "") -> int:
    """The status of the answer."""
    where = f"/v2/models/{model}/infer" if form.protocol == media.INFERENCE else f"/models/{model}{path}/invocations"
    return int(POOL.request("POST", host.url + where, body=form.body, headers=form.headers).status)


def test_nothing_personal_is_in_any_file(asked: tuple[Host, list[int]]) -> None:
    """Neither before the journal is compacted nor after, whatever became of the requests."""
    host, statuses = asked
    home = host.settings.home
    assert {200, 400, 404, 415, 500} <= set(statuses)
    assert leaks(home) == []
    assert "damaged" not in Compactor(host.settings.journal_folder).run_once()
    assert leaks(home) == []
    assert (host.settings.keys_folder / "personal.key").stat().st_mode & 0o777 == 0o600


def test_the_log_is_json_with_the_request_and_nothing_of_it(asked: tuple[Host, list[int]]) -> None:
    """Each failure of the model has a line with its action, model and request id; no caller's text can forge one.

    Every line is JSON, gunicorn's and other libraries' too.
    """
    host, _ = asked
    found = [json.loads(line) for line in (host.settings.home / "serve.log").read_text().splitlines()]
    faults = [line for line in found if line["action"] == "model-fault"]
    assert faults
    assert all({"time", "level", "logger", "message", "request_id", "model"} <= line.keys() for line in faults)
    assert {line["message"] for line in faults} == {"ValueError"}
    assert "A request was refused: it is not HTTP." in {
        each["message"] for each in found if each["action"] == "gunicorn"
    }
    assert FORGED in {line["request_id"] for line in faults}
    assert "forged" not in {line["action"] for line in found}


def test_the_journal_has_all_the_rest(asked: tuple[Host, list[int]]) -> None:
    """Each answered request's rows with what is not personal, of callers, shadow and annex."""
    host, _ = asked
    Compactor(host.settings.journal_folder).run_once()
    journal = Journal(host.settings.journal_folder)
    rows = journal.rows(Query("echo"))
    assert set(rows["arm"]) == {"champion", "pinned"}
    assert len(journal.rows(Query("echo", arm="shadow")))
    assert rows[["input.x", "output.double"]].drop_duplicates().to_numpy().tolist() == [[0.5, 1.0], [99.0, 198.0]]
    written = rows["personal.name"].dropna()
    assert (len(set(written)), set(written.str.split(":").str[0])) == (3, {"***", "hmac-sha256"})
    assert rows["personal.name"].isna().any()  # dropped
    assert not {"input.name", "input.phone"} & set(rows.columns)
    kept = rows.loc[rows["input.x"] == 99.0, "output.call"]
    assert np.all(kept == 1.0)  # a small whole number may be a class
    requests = journal.requests(Query("echo"))
    assert set(requests["redaction"]) == {"drop", "mask", "hash", "sealed"}
