"""The journal's Parquet as relations of DuckDB: what all queries share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cuelight.kit.errors import Unavailable

if TYPE_CHECKING:
    import pyarrow as pa

ATTEMPTS = 5


class Moved(Unavailable):
    """The compactor merged files that were listed, or deleted a day past its retention, before they were read."""


class Listing(Protocol):
    """Files that are listed when they are read, as `layout.Day`."""

    def files(self) -> list[str]: ...


def relation(name: str) -> str:
    """The files handed to `run` under this name; where they differ in columns and types, the type that holds both."""
    return f"read_parquet(${name}, union_by_name = true, filename = true, hive_partitioning = false)"


def columns(source: str, **relations: Sequence[Listing]) -> dict[str, str]:
    """The columns of a relation with their Arrow types; empty where it has no files."""
    table = run(f"SELECT * EXCLUDE (filename) FROM {source} LIMIT 0", {}, **relations)  # noqa: S608  a text of ours
    return {} if table is None else {field.name: str(field.type) for field in table.schema}


def run(sql: str, values: Mapping[str, Any], **relations: Sequence[Listing]) -> pa.Table | None:
    """The result as Arrow; None where a relation has no files.

    Raises:
        Moved: files that were listed are gone, each time they were.
    """
    import duckdb

    for _ in range(ATTEMPTS):
        files = {name: [path for each in listings for path in each.files()] for name, listings in relations.items()}
        if not all(files.values()):
            return None
        try:
            with duckdb.connect() as connection:
                return connection.execute(sql, {**values, **files}).to_arrow_table()
        except duckdb.IOException:
            if all(Path(path).exists() for paths in files.values() for path in paths):
                raise
    raise Moved("The journal's files are being merged all the time. Try again.")
