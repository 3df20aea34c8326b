"""What programs may ask: the page on the OpenAPI document of what is served, read as its reader may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from flask import Flask, render_template, request

from cuelight.access.guard import Guard
from cuelight.kit.errors import Unavailable
from cuelight.monitoring.board.model import calls
from cuelight.monitoring.board.model.calls import Call
from cuelight.monitoring.board.model.replicas import ready
from cuelight.monitoring.board.view import Seen
from cuelight.monitoring.board.visitors import carried, visitor

_PATIENCE = urllib3.Timeout(connect=1.0, read=5.0)
_JSON = "application/json"


@dataclass(frozen=True)
class Column:
    """An input column: `kind` in words, and whether it must be there."""

    name: str
    kind: str
    required: bool


@dataclass(frozen=True)
class Described:
    """A model: how it is asked, what it takes (no columns: arrays, or anything), and calls to copy."""

    name: str
    about: str
    path: str
    document: str
    columns: tuple[Column, ...]
    calls: tuple[Call, ...]


def add_api(app: Flask, guard: Guard | None, seen: Callable[[], Sequence[Seen]]) -> None:
    """`/board/api`, for everybody who has a token."""

    def api() -> str:
        who = visitor(guard)
        replica = ready(seen())
        if not replica:
            raise Unavailable("No replica answers. Is `cuelight up` running?")
        found = described(_ask(replica, carried()), request.host_url.rstrip("/"), guard is not None)
        return render_template("api.html", visitor=who, models=found)

    app.add_url_rule("/board/api", "api", api)


def described(document: Mapping[str, Any], address: str, asks_for_token: bool) -> list[Described]:
    """The models of an OpenAPI document of ours, to be called at the gateway's `address`; pure."""
    about = {each["name"]: each["description"] for each in document["tags"]}
    return [
        _described(path, each["post"], about, address, asks_for_token)
        for path, each in document["paths"].items()
        if path.endswith("/invocations")
    ]


def _described(
    path: str, operation: Mapping[str, Any], about: Mapping[str, str], address: str, asks_for_token: bool
) -> Described:
    (name,), content = operation["tags"], operation["requestBody"]["content"][_JSON]
    row = content["schema"]["properties"].get("dataframe_records", {}).get("items", {})
    columns = tuple(
        Column(column, _words(schema), column in row.get("required", ()))
        for column, schema in row.get("properties", {}).items()
    )
    texts = tuple(calls.calls(address, name, content["example"], asks_for_token))
    return Described(name, about[name], path, path.replace("/invocations", "/openapi.json"), columns, texts)


def _words(schema: Mapping[str, Any]) -> str:
    """A column's schema, such as `number (double), or null`."""
    kinds = schema.get("type", "anything")
    first, *others = [kinds] if isinstance(kinds, str) else kinds
    detail = schema.get("format") or schema.get("contentEncoding") or schema.get("description")
    return first + (f" ({detail.split(';')[0]})" if detail else "") + "".join(f", or {each}" for each in others)


def _ask(replica: str, token: str) -> Mapping[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = urllib3.request("GET", f"{replica}/openapi.json", headers=headers, timeout=_PATIENCE, retries=False)
        document: Mapping[str, Any] = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unavailable(f"The replica at {replica} does not answer. Is it still running?") from error
    if answer.status != 200:
        raise Unavailable(str(document.get("message", f"The answer was {answer.status}.")))
    return document
