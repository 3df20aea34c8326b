"""An OpenAPI 3.1 document of the models that are served: for each one schema, and a request that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cuelight.protocol import schemas
from cuelight.protocol.media import JSON
from cuelight.protocol.signature import Signature

Part = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """A model as callers meet it: what its version in charge takes, and an example of that."""

    name: str
    version: int
    signature: Signature
    example: Part


def document(models: Iterable[Described], version: str, asks_for_token: bool) -> Part:
    """The whole document; `version` is Cuelight's own."""
    described = list(models)
    found: Part = {
        "openapi": "3.1.0",
        "info": {"title": "Cuelight", "version": version, "description": _ABOUT},
        "tags": [{"name": each.name, "description": f"Answered by version {each.version}."} for each in described],
        "paths": dict(path for each in described for path in _paths(each)),
        "components": {
            "schemas": {"Fault": _FAULT, "Labels": _LABELS},
            "parameters": {name: _header(name, *text) for name, text in _ASKED.items()},
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _TOLD.items()},
            "responses": {"Fault": {"description": "What went wrong, and what to do.", "content": _as_json("Fault")}},
        },
    }
    if asks_for_token:
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        found["components"]["securitySchemes"] = {"token": scheme}
        found["security"] = [{"token": []}]
    return found


def _paths(model: Described) -> Iterable[tuple[str, Part]]:
    place = f"/models/{quote(model.name, safe='')}"
    score = {
        "operationId": f"score {model.name}",
        "summary": f"Score rows by {model.name}",
        "tags": [model.name],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _ASKED],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": schemas.request(model.signature), "example": model.example}},
        },
        "responses": {
            "200": {
                "description": "Predictions, a row each.",
                "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _TOLD},
                "content": {JSON: {"schema": schemas.answer(model.signature)}},
            },
            "default": {"$ref": "#/components/responses/Fault"},
        },
    }
    label = {
        "operationId": f"label {model.name}",
        "summary": "Say what turned out to be true",
        "tags": [model.name],
        "requestBody": {"required": True, "content": _as_json("Labels")},
        "responses": {
            "202": {"description": "Taken."},
            "default": {"$ref": "#/components/responses/Fault"},
        },
    }
    yield f"{place}/invocations", {"post": score}
    yield f"{place}/feedback", {"post": label}


def _as_json(name: str) -> Part:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _header(name: str, text: str, schema: Part) -> Part:
    return {"name": name, "in": "header", "description": text, "schema": schema}


_ABOUT = (
    "Models of MLflow's registry, by MLflow's scoring protocol. They also take CSV, Parquet, Arrow and the Open "
    "Inference Protocol; each can be asked for by stage, alias or version."
)
_ASKED: dict[str, tuple[str, Part]] = {
    "X-Model-Track": ("A track's own version, never a canary.", {"enum": ["Production", "Staging"]}),
    "X-Model-Version": ("One version by its number.", {"type": "integer", "minimum": 1}),
    "X-Cuelight-Key": ("Who the caller is: the same key meets the same version.", {"type": "string"}),
    "X-Request-Id": ("Yours, to find the request again.", {"type": "string", "maxLength": 128}),
    "X-Request-Timeout-Ms": ("How long you will wait.", {"type": "integer", "minimum": 1}),
}
_TOLD = {
    "X-Prediction-Id": "Unique; labels go by it.",
    "X-Request-Id": "Yours, else one of ours.",
    "X-Model-Version": "Which version answered.",
    "X-Model-Track": "On which track; empty: on none.",
}
_FAULT: Part = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("error_code", "message", "request_id")},
    "required": ["error_code", "message"],
}
_LABEL: Part = {
    "type": "object",
    "properties": {
        "prediction_id": {"type": "string", "description": "`X-Prediction-Id` of the answer."},
        "row": {"type": "integer", "minimum": 0, "default": 0},
        "key": {"type": ["string", "integer"], "description": "Instead of id and row: a value of the key column."},
        "label": {"description": "What turned out to be true."},
    },
    "required": ["label"],
}
_LABELS: Part = {
    "anyOf": [
        _LABEL,
        {"type": "object", "properties": {"labels": {"type": "array", "items": _LABEL}}, "required": ["labels"]},
    ]
}
