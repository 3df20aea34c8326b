"""The journal's Parquet as relations of DuckDB: what all queries share."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cuelight.journal import layout
from cuelight.kit.errors import Unavailable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ATTEMPTS = 5
FILE = f"replace(filename, '{layout.AWAY}', '')"  # the same for a file that is archived as before
_BATCH = 10_000  # rows
_UNREACHED = re.compile(r"\bUnavailable: (.+?)\n\nAt:", re.DOTALL)
_Result = TypeVar("_Result")


class Moved(Unavailable):
    """The compactor merged or archived files that were listed, or deleted a day past its retention, before they were
    read."""


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
        Unavailable: some are archived, and the archive does not answer.
    """
    import duckdb

    def read(files: dict[str, list[str]]) -> pa.Table:
        try:
            with prepared(_database(), files).cursor() as cursor:
                return cursor.execute(sql, {**values, **files}).to_arrow_table()
        except (duckdb.FatalException, duckdb.InternalException):
            _database.cache_clear()  # it would answer nothing more
            raise

    return _listed(read, relations)


def stream(sql: str, values: Mapping[str, Any], rows: Sequence[Listing]) -> pa.RecordBatchReader | None:
    """The result as Arrow batches, read as they are asked for; raises `Moved` then too."""
    import duckdb
    import pyarrow as pa

    def read(files: dict[str, list[str]]) -> pa.RecordBatchReader:
        connection = prepared(duckdb.connect(), files)
        found = connection.execute(sql, {**values, **files}).to_arrow_reader(_BATCH)

        def batches() -> Iterator[pa.RecordBatch]:
            with connection:
                try:
                    yield from found
                except (duckdb.Error, OSError) as error:
                    if unreached := _unreached(error):
                        raise unreached from error
                    if lasting(files):
                        raise
                    raise Moved("The journal's files were merged meanwhile. Try again.") from error

        return pa.RecordBatchReader.from_batches(found.schema, batches())

    return _listed(read, {"rows": rows})


def lazy(sql: str, values: Mapping[str, Any], rows: Sequence[Listing]) -> duckdb.DuckDBPyRelation | None:
    """The result as a relation, of which nothing is read yet."""
    import duckdb

    def read(files: dict[str, list[str]]) -> duckdb.DuckDBPyRelation:
        known = {**values, **files}
        # DuckDB reads all of a relation with parameters at once: they are written into the text.
        texts = re.sub(r"\$(\w+)|'(?:[^']|'')*'", lambda found: _literal(known, found), sql)
        return prepared(duckdb.connect(), files).sql(texts)

    return _listed(read, {"rows": rows})


def prepared(database: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]]) -> duckdb.DuckDBPyConnection:
    """The database, which then reads those files, wherever they are."""
    if any(path.startswith(layout.AWAY) for paths in files.values() for path in paths):
        from cuelight.journal import remote

        remote.register(database)
    return database


def lasting(files: Mapping[str, Sequence[str]]) -> bool:
    """Whether all files are still where their list said."""
    return all(layout.lasts(path) for paths in files.values() for path in paths)


def _unreached(error: Exception) -> Unavailable | None:
    """What the archive's reader told; DuckDB hands on the text of an error, and no more."""
    found = _UNREACHED.search(str(error))
    return Unavailable(found[1]) if found else None


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """One in memory for all short queries of this process: to open one costs as much as ten of them."""
    import duckdb

    return duckdb.connect(config={"enable_external_file_cache": False})  # what was erased must be nowhere


os.register_at_fork(before=_database.cache_clear)  # its threads are not in the child


def _literal(values: Mapping[str, Any], found: re.Match[str]) -> str:
    """A parameter as SQL has it; a quoted text, in which `$` means nothing, as it is."""
    return _quoted(values[found[1]]) if found[1] else found[0]


def _quoted(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _listed(
    read: Callable[[dict[str, list[str]]], _Result], relations: Mapping[str, Sequence[Listing]]
) -> _Result | None:
    """What is read of the files as they are, listed anew where some are gone by then."""
    import duckdb

    for _ in range(ATTEMPTS):
        files = {name: [path for each in listings for path in each.files()] for name, listings in relations.items()}
        if not all(files.values()):
            return None
        try:
            return read(files)
        except duckdb.Error as error:
            if lasting(files):
                if unreached := _unreached(error):
                    raise unreached from error
                raise
    raise Moved("The journal's files are being merged all the time. Try again.")
