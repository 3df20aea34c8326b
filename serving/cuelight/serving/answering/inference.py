"""The Open Inference Protocol's pages: health, metadata and the repository's index. Scoring goes by `scoring`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import orjson
from flask import Flask, Response, request

from cuelight.access.permissions import EVERYTHING, Grant
from cuelight.kit.errors import BadInput, NotFound, Unavailable
from cuelight.protocol.inference import input_tensors, output_tensors
from cuelight.protocol.media import JSON
from cuelight.protocol.signature import Signature
from cuelight.serving.answering import catalog
from cuelight.serving.answering.call import Asked
from cuelight.serving.answering.choice import choose
from cuelight.serving.answering.residents import Cast, Casting
from cuelight.serving.answering.shelf import Shelf
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.guest_book import Guest

EVERYBODYS = ("/v2/health/live", "/v2/health/ready", "/v2")
_EXTENSIONS = ("binary_tensor_data", "model_repository(index)")


def add_routes(app: Flask, residents: Casting, shelf: Shelf, grant: Callable[[], Grant]) -> None:
    """`/v2` and what is below it, but for `infer`; `grant` is what the one who asks may see."""

    def live() -> Response:
        return _json({"live": True})

    def ready() -> Response:
        catalog.complete(residents)
        return _json({"ready": True})

    def server() -> Response:
        return _json({"name": "cuelight", "version": metadata.version("cuelight"), "extensions": _EXTENSIONS})

    def model(name: str, version: int | None = None) -> Response:
        return _json(model_metadata(residents.current(), name, version, shelf))

    def model_ready(name: str, version: int | None = None) -> Response:
        _described(residents.current(), name, version, shelf)
        return _json({"name": name, "ready": True})

    def index() -> Response:
        return _json(repository(residents.current(), request.get_data(), shelf.guests(), grant()))

    for path, view in zip(EVERYBODYS, (live, ready, server), strict=True):
        app.add_url_rule(path, path, view)
    for place in ("/v2/models/<name>", "/v2/models/<name>/versions/<int:version>"):
        app.add_url_rule(place, "v2-model", model)
        app.add_url_rule(f"{place}/ready", "v2-model-ready", model_ready)
    app.add_url_rule("/v2/repository/index", "v2-index", index, methods=["POST"])


def model_metadata(cast: Cast, name: str, version: int | None, shelf: Shelf) -> dict[str, Any]:
    """Name, versions, platform, inputs and outputs of a served model, as its version in Production has them.

    Raises:
        NotFound: there is no such version.
        Refused, Unavailable: it can't be served, or not now.
    """
    signature, flavor = _described(cast, name, version, shelf)
    return {
        "name": name,
        "versions": [str(each.id.version) for each in _served(cast.deployment, name)],
        "platform": f"mlflow_{flavor}",
        "inputs": input_tensors(signature),
        "outputs": output_tensors(signature),
    }


def _described(cast: Cast, name: str, version: int | None, shelf: Shelf) -> tuple[Signature, str]:
    asked = Asked(name, version="" if version is None else str(version))
    choice = choose(cast.deployment, name, asked, repertoire=cast.repertoire)
    if choice.guest and choice.served.digest not in cast.loaded:
        return shelf.describe(choice)
    loaded = cast.version(choice.served)
    return loaded.signature, loaded.flavor


def repository(
    cast: Cast, body: bytes, guests: Sequence[Guest] = (), grant: Grant = EVERYTHING
) -> list[dict[str, Any]]:
    """Each version in memory with its state; `{"ready": true}` asks for those that are ready. What `grant` is for.

    Raises:
        BadInput: the body is another.
    """
    try:
        asked = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("ready", False), bool):
        raise BadInput('The index takes no body, or {"ready": true}.')
    states = [
        {"name": name, "version": str(each.id.version), "state": "READY" if ready else "UNAVAILABLE", "reason": reason}
        for name in cast.deployment.models()
        for each in _served(cast.deployment, name)
        for ready, reason in [_state(cast, each)]
    ]
    states += [_ready(each.model, each.version) for each in guests]
    states = [each for each in states if grant.covers(each["name"])]
    return [each for each in states if each["state"] == "READY" or not asked.get("ready")]


def _ready(name: str, version: int) -> dict[str, Any]:
    return {"name": name, "version": str(version), "state": "READY", "reason": ""}


def _served(deployment: Deployment, name: str) -> list[Served]:
    """The versions of a model that are loaded, the lowest number first."""
    found = [each for (model, _), each in deployment.tracks.items() if model == name]
    found += [each.served for each in deployment.standby if each.served.id.name == name]
    return sorted({each.id.version: each for each in found}.values(), key=lambda each: each.id.version)


def _state(cast: Cast, served: Served) -> tuple[bool, str]:
    try:
        cast.version(served)
    except (Unavailable, NotFound) as fault:
        return False, str(fault)
    return True, ""


def _json(document: Any) -> Response:
    return Response(orjson.dumps(document), 200, content_type=JSON)
