"""What programs may ask: the page on the OpenAPI document of what is served, read as its reader may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, render_template, request

from cuelight.access.guard import Guard
from cuelight.kit.errors import Unavailable
from cuelight.monitoring.board import documents
from cuelight.monitoring.board.model import calls
from cuelight.monitoring.board.model.calls import Call
from cuelight.monitoring.board.model.replicas import ready
from cuelight.monitoring.board.view import Seen
from cuelight.monitoring.board.visitors import carried, visitor


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
        found = described(
            documents.document(replica, "/openapi.json", carried()), request.host_url.rstrip("/"), guard is not None
        )
        return render_template("api.html", visitor=who, models=found)

    app.add_url_rule("/board/api", "api", api)


def described(document: Mapping[str, Any], address: str, asks_for_token: bool) -> list[Described]:
    """The models of an OpenAPI document of ours, to be called at the gateway's `address`; pure."""
    about = {each["name"]: each["description"] for each in document["tags"]}
    return [
        _described(path, each, about, address, asks_for_token) for path, each in documents.scoring(document).items()
    ]


def _described(
    path: str, operation: Mapping[str, Any], about: Mapping[str, str], address: str, asks_for_token: bool
) -> Described:
    (name,), schema = operation["tags"], operation["requestBody"]["content"][documents.JSON]["schema"]
    row = schema["properties"].get("dataframe_records", {}).get("items", {})
    columns = tuple(
        Column(column, _words(each), column in row.get("required", ()))
        for column, each in row.get("properties", {}).items()
    )
    texts = tuple(calls.calls(address, name, documents.example(operation), asks_for_token))
    return Described(name, about[name], path, path.replace("/invocations", "/openapi.json"), columns, texts)


def _words(schema: Mapping[str, Any]) -> str:
    """A column's schema, such as `number (double), or null`."""
    kinds = schema.get("type", "anything")
    first, *others = [kinds] if isinstance(kinds, str) else kinds
    detail = schema.get("format") or schema.get("contentEncoding") or schema.get("description")
    return first + (f" ({detail.split(';')[0]})" if detail else "") + "".join(f", or {each}" for each in others)
