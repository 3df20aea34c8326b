"""What a worker writes of calls to models with personal columns."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from cuelight.journal.record import Prediction
from cuelight.protocol.signature import Column, Signature
from cuelight.registry.model import Track, VersionId
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.discretion import Discretion
from cuelight.serving.answering.residents import Cast
from cuelight.serving.answering.scoring import respond
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.repertoire import Listed, Repertoire
from cuelight.serving.versions.loader import LoadedVersion, Output

NAME = "Annabel"
SIGNATURE = Signature(columns=(Column("name", "string"), Column("x", "double")))
DEPLOYMENT = Deployment(
    1,
    tracks={
        ("m", Track.PRODUCTION): Served(VersionId("m", 1, 1, "s"), "d", "", "r", "stage", 0.0),
        ("plain", Track.PRODUCTION): Served(VersionId("plain", 1, 1, "s"), "d", "", "r", "stage", 0.0),
    },
    personal={"m": ("name",)},
)


def _written(
    keys: Path,
    body: bytes,
    model: str = "m",
    predict: Any = None,
    cast: Cast | None = None,
    deadline: float = math.inf,
    **asked: Any,
) -> Prediction:
    predict = predict or (lambda rows, _parameters: Output(np.asarray(rows.columns["name"])))
    loaded = LoadedVersion("d", SIGNATURE, SIGNATURE.to_json(), "sklearn", True, predict, 0.0)
    known = cast or Cast(DEPLOYMENT, {"d": loaded})
    call = Call(Asked(model, "application/json", **asked), body, "req", deadline=deadline)
    (outcome,) = respond(lambda: known, [call])
    if outcome.personal is None:
        return outcome.record
    return Discretion("mask", keys).record(outcome.record, outcome.personal)


BODY = json.dumps({"dataframe_records": [{"name": NAME, "x": 1.5}]}).encode()


def _fault(_rows: Any, _parameters: Any) -> Any:
    raise ValueError(NAME)


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (BODY, {}, 200),
        (BODY, {"predict": _fault}, 500),
        (BODY, {"deadline": 0.0}, 504),
        (BODY, {"model": "n"}, 404),  # misspelt, say
        (BODY, {"version": NAME}, 400),
        (BODY[:-2], {}, 400),
        (b'{"dataframe_split": {"columns": ["Annabel"], "data": [[1]]}}', {}, 400),
        (b'{"dataframe_records": [{"name": "x", "x": 1}], "params": {"Annabel": 1}}', {}, 400),
        (b'{"Annabel": []}', {}, 400),
        (b"", {}, 400),
    ],
)
def test_nothing_personal_is_in_a_record(tmp_path: Path, body: bytes, more: dict[str, Any], status: int) -> None:
    """Whatever becomes of the call, and wherever in it the value is."""
    record = _written(tmp_path, body, **more)
    assert record.status == status
    assert NAME not in repr(structs.asdict(record))
    assert record.redaction == ("mask" if record.status in (200, 500) else "sealed")


def test_the_rest_of_a_record_is_as_it_was(tmp_path: Path) -> None:
    """Rows without the personal column, the form that says how they are read, and whose columns are left out."""
    record = _written(tmp_path, BODY)
    assert json.loads(record.request) == {"dataframe_split": {"columns": ["name", "x"], "data": [["***", 1.5]]}}
    assert json.loads(record.response) == {"predictions": [None]}
    assert (record.media_type, record.rows, record.personal) == ("application/json", 1, "name")
    assert _written(tmp_path, BODY, "plain").request == BODY


def test_a_body_that_cant_be_read_leaves_length_and_digest(tmp_path: Path) -> None:
    """And an error that does not quote it, with its code."""
    record = _written(tmp_path, b'{"Annabel": []}')
    assert json.loads(record.request)["length"] == 15
    assert json.loads(record.response)["error_code"] == "BAD_REQUEST"
    assert "not kept" in record.error


def test_what_fails_here_leaves_nothing_in_clear(tmp_path: Path) -> None:
    """A key that can't be read, say: the record is written, without its bodies."""
    (tmp_path / "personal.key").write_bytes(b"short")
    record = _written(tmp_path, BODY)
    assert (record.status, record.redaction, record.request, record.response) == (200, "sealed", b"", b"")
    refused = _written(tmp_path, b'{"Annabel": []}')
    assert (refused.status, NAME in repr(structs.asdict(refused)), "not kept" in refused.error) == (400, False, True)


def test_before_anything_is_known_of_a_call_its_body_is_not_written(tmp_path: Path) -> None:
    """A worker that is still loading can't tell whose columns are personal; one that knows of none writes all."""
    nothing = Cast(Deployment())
    assert _written(tmp_path, BODY, cast=nothing).request == BODY
    listed = replace(nothing, repertoire=Repertoire({"guest": Listed(personal=("name",))}))
    assert _written(tmp_path, BODY, "guest", cast=listed).redaction == "sealed"
