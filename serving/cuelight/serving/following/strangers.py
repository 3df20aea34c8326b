"""Personal columns that a served version does not have: most likely somebody misspelt a tag."""

from __future__ import annotations

from collections.abc import Iterator

from cuelight.kit.errors import CuelightError
from cuelight.registry.tags import PII
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Deployment
from cuelight.serving.versions.loader import describe
from cuelight.serving.versions.store import ModelStore


def strangers(deployment: Deployment, store: ModelStore) -> Iterator[Line]:
    """A line for the history for each served version whose signature lacks a personal column."""
    for served in deployment.residents():
        named = deployment.personal.get(served.id.name)
        unknown = named and sorted(set(named) - _names(store, served.digest, named))
        if unknown:
            yield Line("personal-unknown", served.id.name, served.id.version, {"columns": unknown})


def sentence(line: Line) -> str:
    """The same for a log."""
    columns = ", ".join(line.detail["columns"])
    return f"{PII} names {columns}, which {line.model} version {line.version} does not have: is the name misspelt?"


def _names(store: ModelStore, digest: str, named: tuple[str, ...]) -> set[str]:
    """What the signature of a version names; all that was asked for, where it says nothing of that."""
    try:
        signature, _ = describe(store.entry(digest).files)
    except (CuelightError, OSError):
        return set(named)
    known = {each.name for each in signature.columns} | {each.name for each in signature.tensors}
    known |= {each.name for each in signature.parameters} if known else set()
    return known if known and not signature.entries else set(named)
