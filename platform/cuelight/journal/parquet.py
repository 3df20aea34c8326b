"""The journal's Parquet as relations of DuckDB: what all queries share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# The last label of a row counts, of two at the same moment the one that stands later; null takes a label back.
LAST_LABELS = """
    SELECT prediction_id, "row", label, label_time FROM (
        SELECT prediction_id, "row", label, "time" AS label_time FROM {labels}
        QUALIFY row_number() OVER (
            PARTITION BY prediction_id, "row" ORDER BY "time" DESC, filename DESC, position DESC
        ) = 1
    ) WHERE label <> 'null'
"""


def relation(name: str) -> str:
    """The files handed to `run` under this name; where they differ in columns and types, the type that holds both."""
    return f"read_parquet(${name}, union_by_name = true, filename = true, hive_partitioning = false)"


def run(sql: str, values: dict[str, Any], **relations: list[list[str]]) -> pa.Table | None:
    """The result as Arrow; None where a relation has no files."""
    import duckdb

    files = {name: [path for day in days for path in day] for name, days in relations.items()}
    if not all(files.values()):
        return None
    for last in (False, True):
        try:
            with duckdb.connect() as connection:
                return connection.execute(sql, values | files).to_arrow_table()
        except duckdb.IOException:
            # The compactor deleted a day past its retention in this moment.
            files = {name: [path for path in paths if Path(path).exists()] for name, paths in files.items()}
            if last or not all(files.values()):
                raise
    return None
