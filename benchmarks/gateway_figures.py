"""The gateway's figures: the tables of what it costs and of overload, kept as JSON, and their page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environments, pages
from benchmarks.tables import Table
from cuelight.kit import files

PUBLISHED = Path(__file__).parent / "gateway.json"
PAGE = environments.ROOT / "docs" / "gateway-figures.md"


@dataclass(frozen=True)
class Figures:
    """One table, and where and how it was measured."""

    table: Table
    conditions: str


def keep(name: str, figures: Figures, file: Path = PUBLISHED, page: Path = PAGE) -> None:
    """Put figures in the place of the last ones by that name, in the file and on the page."""
    known = (read(file) if file.exists() else {}) | {name: figures}
    files.replace(file, _lines(known).encode())
    write(known, page)


def read(file: Path = PUBLISHED) -> dict[str, Figures]:
    """What `keep` kept, by name.

    Raises:
        OSError, ValueError, TypeError: there is no such file, or it is none of ours.
    """
    document = json.loads(file.read_text())
    return {name: Figures(Table(**each["table"]), each["conditions"]) for name, each in document.items()}


def write(known: dict[str, Figures], page: Path = PAGE) -> None:
    """Write the tables into the page, and before them how each was taken."""
    taken = "\n".join(f"- **{each.table.title.partition(':')[0]}**: {each.conditions}" for each in known.values())
    pages.write([each.table for each in known.values()], taken, page)


def _lines(known: dict[str, Figures]) -> str:
    """As JSON, a row of a table a line."""
    parts = []
    for name, each in known.items():
        rows = ",\n   ".join(json.dumps(row) for row in each.table.rows)
        head = f'"title": {json.dumps(each.table.title)},\n  "columns": {json.dumps(each.table.columns)}'
        table = f'{{{head},\n  "rows": [\n   {rows}\n  ]}}'
        parts.append(f'"{name}": {{\n "conditions": {json.dumps(each.conditions)},\n "table": {table}\n}}')
    return "{" + ",\n".join(parts) + "}\n"
