"""Edits: what people and programs do to models in MLflow, read off the requests that do it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

PATH = "/api/2.0/cuelight/edits"

_CALLS = "api/2.0/mlflow/"  # after `/` or `/ajax-`: MLflow's pages send the same calls by the second way
_OUR_TAGS = "cuelight."
_LONGEST = 500  # characters; MLflow takes up to 100,000 in a tag


class What(StrEnum):
    """What was done; each is one call of MLflow's REST interface."""

    STAGE = "stage"
    ALIAS = "alias"
    ALIAS_REMOVED = "alias removed"
    TAG = "tag"
    TAG_REMOVED = "tag removed"
    VERSION_DELETED = "version deleted"


@dataclass(frozen=True)
class Edit:
    """One edit that MLflow has carried out.

    `name` is the alias or the tag, `value` the stage or the tag's value; `at` is MLflow's time, in seconds since the
    epoch; `by` the user, empty where MLflow does not know; `client` the address that asked. Numbers rise.
    """

    what: What
    model: str
    version: int | None = None
    name: str = ""
    value: str = ""
    at: float = 0.0
    by: str = ""
    client: str = ""
    number: int = 0

    def to_json(self) -> dict[str, Any]:
        """A document that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Edit:
        """What `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        version = document["version"]
        return cls(
            what=What(document["what"]),
            model=str(document["model"]),
            version=None if version is None else int(version),
            name=str(document["name"]),
            value=str(document["value"]),
            at=float(document["at"]),
            by=str(document["by"]),
            client=str(document["client"]),
            number=int(document["number"]),
        )


_EDITS = {
    ("POST", "model-versions/transition-stage"): What.STAGE,
    ("POST", "registered-models/alias"): What.ALIAS,
    ("DELETE", "registered-models/alias"): What.ALIAS_REMOVED,
    ("POST", "registered-models/set-tag"): What.TAG,
    ("DELETE", "registered-models/delete-tag"): What.TAG_REMOVED,
    ("DELETE", "model-versions/delete"): What.VERSION_DELETED,
}


def kind(method: str, path: str) -> What | None:
    """Which edit a request asks for; None for all that is none."""
    return _EDITS.get((method, path.partition(_CALLS)[2]))


def read(what: What, body: bytes) -> Edit | None:
    """The edit that a request's body spells out; None for a tag that is not Cuelight's.

    Raises:
        ValueError, TypeError, KeyError: the body is not what MLflow takes for that call.
    """
    document = json.loads(body)
    if isinstance(document, str):  # MLflow reads JSON within JSON too: its oldest clients write it
        document = json.loads(document)
    name = str(document.get("alias") or document.get("key") or "")
    if what in (What.TAG, What.TAG_REMOVED) and not name.startswith(_OUR_TAGS):
        return None
    version = document.get("version")
    value = str(document["stage"]).capitalize() if what == What.STAGE else str(document.get("value", ""))
    return Edit(what, str(document["name"]), int(version) if version else None, name[:_LONGEST], value[:_LONGEST])
