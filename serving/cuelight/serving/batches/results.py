"""The output of a batch: a folder of parts, each there whole or not at all, which say themselves what they are.

`part-<table>-<piece>.parquet` has the rows' answers; a file of the same name in `_errors` has the rows without one, and
why. `_batch.json` says what the batch is, and `_SUCCESS`, which is there when all is done, what it came to.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.kit import files
from cuelight.kit.errors import BadInput, Busy
from cuelight.kit.place import Place
from cuelight.serving.batches.plan import Part, Plan, check_resumed

PLAN, SUCCESS, ERRORS = "_batch.json", "_SUCCESS", "_errors"
_KEY, _ERRORS = b"cuelight.part", b"cuelight.errors"
_ENDING = ".parquet"
PLACES = pa.schema({"file": pa.dictionary(pa.int32(), pa.string()), "row": pa.int64()})


@dataclass(frozen=True)
class Done:
    """A part that is finished: its rows, and how many of them have no answer."""

    name: str
    rows: int
    errors: int


@dataclass(frozen=True)
class Fault:
    """A row that has no answer; the reason holds no value of it."""

    row: int
    reason: str


class Results:
    """The folder at `place`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a local folder, so that no other batch on this machine writes there.

        Raises:
            Busy: one does.
        """
        folder = self._place.local
        held = files.lock(folder / ".lock") if folder else None
        if held == -1:
            raise Busy(f"Another `cuelight batch` writes to {folder} right now.")
        try:
            yield
        finally:
            if held is not None:
                os.close(held)

    def begin(self, plan: Plan) -> tuple[dict[str, Done], list[str]]:
        """Make the folder this batch's; the parts that are finished already, and the inputs that changed since.

        Raises:
            BadInput: it holds another batch, or something else.
        """
        there = {each.rpartition("/")[2] for each in self._place.listed()} - {".lock"}
        changed: list[str] = []
        if PLAN in there:
            changed = check_resumed(self._document(), plan)
        elif there:
            raise BadInput(f"{plan.order.output} holds other files: give an --output that is empty, or not there yet.")
        parts = {f"{each.name}{_ENDING}": each for each in plan.parts()}
        done = {part.name: known for name, part in parts.items() if name in there and (known := self._finished(part))}
        for name in there - parts.keys():
            if name.endswith(_ENDING) or name.startswith("."):  # of tables that are shorter now, or half-written
                self._place.within(name).remove()
        if len(done) < len(parts) or changed:
            self._forget(SUCCESS, there)
        self._place.within(PLAN).write(json.dumps(plan.document(), indent=1).encode())
        return done, changed

    def write(self, part: Part, tables: Iterable[pa.Table], faults: Sequence[Fault]) -> Done:
        """Put a part there; the rows without an answer first, so that a part that is there has them, too."""
        name = f"{part.name}{_ENDING}"
        beside = self._place.within(ERRORS).within(name)
        if faults:
            reasons = placed(part, [each.row for each in faults])
            beside.write(_parquet([reasons.append_column("reason", [[each.reason for each in faults]])], {}))
        elif beside.exists():
            beside.remove()
        self._place.within(name).write(_parquet(tables, {_KEY: part.key, _ERRORS: str(len(faults))}))
        return Done(part.name, part.piece.rows, len(faults))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Say that all is there."""
        self._place.within(SUCCESS).write(json.dumps(summary, indent=1).encode())

    def _finished(self, part: Part) -> Done | None:
        """What the file says that is there, if it is this very part."""
        with self._place.within(f"{part.name}{_ENDING}").open() as file:
            try:
                said = pq.ParquetFile(file).schema_arrow.metadata or {}
            except (pa.ArrowException, OSError):  # no file of ours
                return None
        key, errors = said.get(_KEY, b"").decode(), said.get(_ERRORS, b"0").decode()
        return Done(part.name, part.piece.rows, int(errors)) if key == part.key else None

    def _document(self) -> dict[str, Any]:
        try:
            document = json.loads(self._place.within(PLAN).read())
            return {**document, "inputs": [{**each} for each in document["inputs"]]}
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{self._place.path}/{PLAN} can't be read: give another --output.") from error

    def _forget(self, name: str, there: set[str]) -> None:
        if name in there:
            self._place.within(name).remove()


def placed(part: Part, rows: Sequence[int]) -> pa.Table:
    """Where rows of a part are: the columns `file` and `row`, its number in that file."""
    paths = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(rows)), [part.path])
    return pa.table({"file": paths, "row": pa.array(rows, pa.int64())}, schema=PLACES)


def _parquet(tables: Iterable[pa.Table], said: Mapping[bytes, str]) -> bytes:
    """A file of these tables, which may differ in the type of a column that has no values."""
    whole = pa.concat_tables([PLACES.empty_table(), *tables], promote_options="permissive")
    sink = pa.BufferOutputStream()
    pq.write_table(whole.replace_schema_metadata(said), sink, compression="zstd")
    return bytes(sink.getvalue())
