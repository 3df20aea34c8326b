"""The output of a batch: a folder of parts, each there whole or not at all, which say themselves what they are.

`part-<table>-<piece>.parquet` has the rows' answers; a file of the same name in `_errors` has the rows without one, and
why: it is alone where no row has an answer, since only answers say which columns they have. `_batch.json` says what the
batch is, and `_SUCCESS`, which is there when all is done, what it came to.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.kit import files
from cuelight.kit.errors import BadInput, Busy, ModelFault
from cuelight.kit.place import Place
from cuelight.serving.batches.plan import Part, Plan, check_resumed

PLAN, SUCCESS, ERRORS = "_batch.json", "_SUCCESS", "_errors"
_KEY, _ERRORS = b"cuelight.part", b"cuelight.errors"
_ENDING = ".parquet"
PART = re.compile(rf"part-\d+-\d+{re.escape(_ENDING)}")
_DRAFT = re.compile(rf"\.({PART.pattern}|{PLAN}|{SUCCESS})\.\w+")  # of what is written here
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
        there = {name for name in _names(self._place) if name != ".lock" and not _DRAFT.fullmatch(name)}
        changed: list[str] = []
        if PLAN in there:
            changed = check_resumed(self._document(), plan)
        elif there:
            raise BadInput(f"{plan.order.output} holds other files: give an --output that is empty, or not there yet.")
        parts = list(plan.parts())
        beside = _names(self._place.within(ERRORS))
        done = {part.name: known for part in parts if (known := self._finished(part, there, beside))}
        if len(done) < len(parts) or changed:
            self._forget(SUCCESS, there)
        self._clear({f"{name}{_ENDING}" for name in done})
        self._place.within(PLAN).write(json.dumps(plan.document(), indent=1).encode())
        return done, changed

    def write(self, part: Part, tables: Sequence[pa.Table], faults: Sequence[Fault]) -> Done:
        """Put a part there; the rows without an answer first, so that a part that is there has them, too."""
        name = f"{part.name}{_ENDING}"
        beside = self._place.within(ERRORS).within(name)
        said = {_KEY: part.key, _ERRORS: str(len(faults))}
        if faults:
            reasons = placed(part, [each.row for each in faults])
            beside.write(_parquet([reasons.append_column("reason", [[each.reason for each in faults]])], said))
        if tables:
            self._place.within(name).write(_parquet(tables, said))
        return Done(part.name, part.piece.rows, len(faults))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Say that all is there."""
        self._place.within(SUCCESS).write(json.dumps(summary, indent=1).encode())

    def _finished(self, part: Part, there: Set[str], beside: Set[str]) -> Done | None:
        """What its file says, among those that are `there` or, if no row has an answer, `beside` in the errors."""
        name = f"{part.name}{_ENDING}"
        if name in there:
            return _said(self._place.within(name), part)
        found = _said(self._place.within(ERRORS).within(name), part) if name in beside else None
        return found if found and found.errors == found.rows else None

    def _document(self) -> dict[str, Any]:
        try:
            document = json.loads(self._place.within(PLAN).read())
            return {**document, "inputs": [{**each} for each in document["inputs"]]}
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{self._place.path}/{PLAN} can't be read: give another --output.") from error

    def _clear(self, done: Set[str]) -> None:
        """Remove what is half-written, and what there is of parts that are not `done`; files of others stay."""
        for folder in (self._place, self._place.within(ERRORS)):
            for name in _names(folder) - done:
                if PART.fullmatch(name) or _DRAFT.fullmatch(name):
                    folder.within(name).remove()

    def _forget(self, name: str, there: set[str]) -> None:
        if name in there:
            self._place.within(name).remove()


def _said(place: Place, part: Part) -> Done | None:
    """What a file says that it is, if that is this very part."""
    with place.open() as file:
        try:
            said = pq.ParquetFile(file).schema_arrow.metadata or {}
        except (pa.ArrowException, OSError):  # no file of ours
            return None
    key, errors = said.get(_KEY, b"").decode(), said.get(_ERRORS, b"0").decode()
    return Done(part.name, part.piece.rows, int(errors)) if key == part.key else None


def _names(folder: Place) -> set[str]:
    return {each.rpartition("/")[2] for each in folder.listed()}


def placed(part: Part, rows: Sequence[int]) -> pa.Table:
    """Where rows of a part are: the columns `file` and `row`, its number in that file."""
    paths = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(rows)), [part.path])
    return pa.table({"file": paths, "row": pa.array(rows, pa.int64())}, schema=PLACES)


def _parquet(tables: Iterable[pa.Table], said: Mapping[bytes, str]) -> bytes:
    """A file of these tables, which may differ in the type of a column that has no values.

    Raises:
        ModelFault: they can't be one table, or none of Parquet.
    """
    sink = pa.BufferOutputStream()
    try:
        whole = pa.concat_tables([PLACES.empty_table(), *tables], promote_options="permissive")
        pq.write_table(whole.replace_schema_metadata(said), sink, compression="zstd")
    except pa.ArrowException as error:
        raise ModelFault(f"Answers, or what is kept beside them, can't be written ({type(error).__name__}).") from error
    return bytes(sink.getvalue())
