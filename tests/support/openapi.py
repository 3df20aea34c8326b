"""What makes a document OpenAPI 3.1, as FastAPI's models of that specification see it, and JSON Schema's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel


def check(document: dict[str, Any]) -> None:
    """Fail where a field is of another type, unknown, or refers to nothing; or an operation is there twice."""
    parsed = OpenAPI.model_validate(document)
    assert list(_unknown(parsed, "")) == []
    for reference in _references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def _unknown(part: Any, where: str) -> Iterator[str]:
    """Fields that the specification does not know: FastAPI's models keep them aside, and say nothing."""
    if isinstance(part, BaseModel):
        yield from (f"{where}.{name}" for name in part.model_extra or {})
        for name in type(part).model_fields:
            yield from _unknown(getattr(part, name), f"{where}.{name}")
    elif isinstance(part, dict):
        for name, each in part.items():
            yield from _unknown(each, f"{where}.{name}")
    elif isinstance(part, list):
        for each in part:
            yield from _unknown(each, where)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)
