"""Figures that are kept: flat records in lists, with the conditions that they were found under, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from cuelight.kit import files


@dataclass
class Kept:
    """The lists' names are those of `KINDS`, which says what records are in each."""

    KINDS: ClassVar[Mapping[str, Any]] = {}

    conditions: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As JSON, one record a line; the file is the old one or the new one."""
        put(asdict(self), path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote; a list that is not there is empty.

        Raises:
            OSError, ValueError, TypeError: there is no such file, or it is none of ours.
        """
        document = json.loads(path.read_text())
        lists = {name: [kind(**each) for each in document.get(name, ())] for name, kind in cls.KINDS.items()}
        return cls(document["conditions"], **lists)


def put(document: Mapping[str, Any], path: Path) -> None:
    """Write a document of lists of records, one record a line; its first entry is its conditions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, "".join(_lines(document)).encode())


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield '{\n "conditions": ' + json.dumps(document["conditions"], indent=2)
    for name in list(document)[1:]:
        rows = ",\n  ".join(json.dumps(_rounded(each)) for each in document[name])
        yield f',\n "{name}": [\n  {rows}\n ]' if rows else f',\n "{name}": []'
    yield "\n}\n"


def _rounded(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in record.items()}
