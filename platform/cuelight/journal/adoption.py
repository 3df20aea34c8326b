"""An archive's objects taken into the journal again, where the stubs that named them are lost, as with a disk.

What is here stays as it is. An object gets a stub only where neither a file nor a stub has its name, and where none of
its rows is here by another name, from a day that was merged differently. Stubs are placed one by one: killed anywhere,
the next run does the rest.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from cuelight.journal import layout, retention, storage, stubs, tables
from cuelight.journal.layout import Day
from cuelight.journal.stubs import Stub
from cuelight.kit.errors import CuelightError, Misconfigured, Unavailable
from cuelight.protocol.redaction import ERASED

_AT_ONCE, _BATCH = 16, 256  # objects that are looked at by threads, and that are placed under one lock
_PATIENCE_SECONDS = 600.0
_NAME = r"[\w.~%-]{1,200}"
_OBJECT = re.compile(
    rf"(?P<partition>(?:{'|'.join(layout.DATASETS)})/model={_NAME}/date=\d{{4}}-\d\d-\d\d/host=(?P<host>{_NAME}))/"
    r"(?P<file>\w[\w-]{0,90}(?:\+\w{1,40})?\.v\d{1,20}\.[0-9a-f]{12})\.(?P<digest>[0-9a-f]{16})\.parquet",
    re.ASCII,
)
_NEEDED = {
    layout.REQUESTS: (tables.REQUESTS, ("time", "prediction_id", "version", "status")),
    layout.ROWS: (tables.ROWS, ("time", "prediction_id", "row", "version")),
    layout.LABELS: (tables.LABELS, ("time", "prediction_id", "row", "label")),
}
_IDENTITY = ("time", "prediction_id", "row", "key")  # those of them that a dataset has
_SHARED = "SELECT 1 FROM (FROM one INTERSECT FROM other) LIMIT 1"

Tell = Callable[[int, int], None]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Entry:
    """An object by the journal's rules: `path` is the file whose content it holds."""

    stub: Stub
    path: Path
    host: str


@dataclass(frozen=True)
class Survey:
    """What is in an archive, beside what the stubs here say of it.

    Attributes:
        known: how many objects a stub here names.
        unknown: those that none names.
        strange: paths in there that no file of the journal has.
        missing: files of which only a stub is here, whose object is not there any more.
    """

    known: int
    unknown: tuple[Entry, ...]
    strange: tuple[str, ...]
    missing: tuple[Path, ...]


def survey(folder: Path, store: str, model: str | None = None) -> Survey:
    """Hold the list of an archive against the journal in `folder`: of a model, or of all.

    Raises:
        Unavailable: the archive does not answer.
    """
    there = _listed(store, model)  # first: a stub is there before its object
    named = "*" if model is None else layout.encode_model(model)
    marks = [
        (path, stub)
        for ending in (layout.STUB, layout.GOING)
        for path in folder.glob(f"*/model={named}/*date=*/host=*/.*{ending}")
        if (stub := stubs.read(path)) and stubs.is_same(stub.store, store)
    ]
    known = {stub.key for _, stub in marks}
    left = {key: _entry(folder, store, key, size) for key, size in there.items() if key not in known}
    gone = [(path, stub) for path, stub in marks if stub.key not in there and path.name.endswith(layout.STUB)]
    files = ((path.with_name(path.name[1:].removesuffix(layout.STUB)), stub) for path, stub in gone)
    return Survey(
        known=len(there) - len(left),
        unknown=tuple(each for each in left.values() if each),
        strange=tuple(key for key, each in left.items() if each is None),
        missing=tuple(path for path, stub in files if not path.exists() and not stub.exists()),
    )


@dataclass
class Adopted:
    """What became of an archive's objects; paths are those in the archive.

    Attributes:
        files: objects that have a stub from now on.
        bytes: theirs.
        days: theirs, `YYYY-MM-DD`.
        known: objects that were known here before.
        others: by host, objects of other hosts' journals.
        expired: objects of days that retention would delete at once.
        differing: objects of files that are here with other content.
        doubled: objects with rows that are here in other files.
        refused: objects that are none of the journal's, and why.
    """

    files: int = 0
    bytes: int = 0
    days: set[str] = field(default_factory=set)
    known: int = 0
    others: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    expired: int = 0
    differing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether there is nothing that somebody should look at."""
        return not (self.differing or self.doubled or self.refused)


@dataclass
class Adopter:
    """Takes what is in the archive `store` into the journal in `folder`, beside a compactor that runs.

    Attributes:
        is_own: whether a host's records are of this journal.
        oldest: days before it (`YYYY-MM-DD`) would be deleted by retention.
        most_bytes: of all the Parquet, here and there; 0: any.
        prove: whether objects are read in whole, and held against the digest in their names.
        dry_run: no stub is made.
        batch: objects that are looked at before their stubs are made, at least.
        tell: hears how many objects are done, of how many.
    """

    folder: Path
    store: str
    is_own: Callable[[str], bool]
    oldest: str = ""
    most_bytes: int = 0
    prove: bool = False
    dry_run: bool = False
    batch: int = _BATCH
    tell: Tell = lambda *_: None
    checkpoint: storage.Checkpoint = lambda _step: None
    _adopted: Adopted = field(default_factory=Adopted)

    def run(self) -> Adopted:
        """Do it, as far as the archive answers.

        Raises:
            Unavailable: it does not, or the compactor does not pause; what is done stays.
            Misconfigured: retention would delete what is taken in.
        """
        found = survey(self.folder, self.store)
        self._adopted.known = found.known
        self._adopted.refused = dict.fromkeys(found.strange, "no file of the journal is called so")
        wanted = [each for each in found.unknown if self._is_wanted(each) and self._is_free(each)]
        self._check_room(wanted)
        self.folder.mkdir(parents=True, exist_ok=True)
        done = 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for batch in _batches(wanted, self.batch):
                    self.tell(done, len(wanted))
                    contents = self._looked_at(zip(batch, pool.map(self._look, batch), strict=True))
                    with storage.once_alone(self.folder, _PATIENCE_SECONDS):
                        self._take([each for each in contents if self._is_free(each.entry)])
                    done += len(batch)
                self.tell(done, len(wanted))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return self._adopted

    def _is_wanted(self, entry: Entry) -> bool:
        """Whether an object is of this journal, and of a day that is kept."""
        date = entry.path.parent.parent
        if not self.is_own(entry.host):
            self._adopted.others[entry.host] += 1
        elif entry.stub.day < self.oldest or date.with_name(f".{date.name}").exists():
            self._adopted.expired += 1
        else:
            return True
        return False

    def _is_free(self, entry: Entry) -> bool:
        """Whether nothing here has its name: no file, and no stub of an object that still is."""
        if entry.path.exists():
            if entry.path.stat().st_size == entry.stub.size:
                self._adopted.known += 1  # the compactor will upload it to this very place
            else:
                self._adopted.differing.append(entry.stub.key)
            return False
        for mark in stubs.of(entry.path):
            if mark.key == entry.stub.key:
                self._adopted.known += 1
                return False
            if not stubs.is_same(mark.store, self.store) or mark.exists():
                self._adopted.differing.append(entry.stub.key)
                return False
        return True

    def _check_room(self, wanted: Sequence[Entry]) -> None:
        total = retention.taken(self.folder) + sum(each.stub.size for each in wanted)
        if 0 < self.most_bytes < total:
            raise Misconfigured(
                f"With what is in the archive the journal takes {total:,} bytes, and journal.retention_bytes is "
                f"{self.most_bytes:,}: the compactor would delete the oldest days there, too. Raise it first."
            )

    def _look(self, entry: Entry) -> _Content | str:
        """What its footer says; or why it is none of the journal's, or can't be had now."""
        try:
            if self.prove:
                entry.stub.prove()
            return _Content.read(entry, pq.ParquetFile(entry.stub.open()))
        except (CuelightError, pa.ArrowException, OSError, ValueError) as error:
            return (str(error).splitlines() or ["it can't be read"])[0]

    def _looked_at(self, found: Iterable[tuple[Entry, _Content | str]]) -> list[_Content]:
        contents = list[_Content]()
        for entry, each in found:
            if isinstance(each, str):
                stubs.check(self.store)  # else it is not about this one
                self._adopted.refused[entry.stub.key] = each
            else:
                contents.append(each)
        return contents

    def _take(self, contents: Sequence[_Content]) -> None:
        for mine in _grouped(contents, lambda each: each.entry.path.parent):
            chosen = list[_Content]()
            for same in _grouped(mine, lambda each: each.entry.path):
                first, *rest = sorted(same, key=lambda each: each.whole) if len(same) > 1 else same
                chosen.append(first)
                self._adopted.differing += [each.entry.stub.key for each in rest]
            self._take_partition(chosen)

    def _take_partition(self, contents: Sequence[_Content]) -> None:
        """Those with the most rows first: they are the later ones of what was merged twice."""
        partition = contents[0].entry.path.parent
        here = (layout.here(path) for path in Day(partition.parent).files())
        present: list[_Readable] = [_Here(path) for path in here if path.parent == partition and _is_there(path)]
        for each in sorted(contents, key=lambda each: (-each.rows, each.entry.stub.key)):
            if any(_share(each, other) for other in present):
                self._adopted.doubled.append(each.entry.stub.key)
            else:
                self._place(each)
                present.append(each)

    def _place(self, content: _Content) -> None:
        entry = content.entry
        if not self.dry_run:
            storage.make_folder(entry.path.parent, self.folder)
            # As a compactor writes a file: after its last record.
            written = math.ceil(content.last) * 1_000_000_000
            storage.place(layout.stub(entry.path), entry.stub.encoded(), self.checkpoint, written)
        self._adopted.files += 1
        self._adopted.bytes += entry.stub.size
        self._adopted.days.add(entry.stub.day)


class _Readable:
    """A file of the journal, wherever it is: when its first and last record came (epoch s), and which they are."""

    path: Path

    def opened(self) -> pq.ParquetFile:
        raise NotImplementedError

    @cached_property
    def span(self) -> tuple[float, float]:
        return _span(self.opened())

    @cached_property
    def records(self) -> pa.Table:
        file = self.opened()
        return file.read([name for name in _IDENTITY if name in file.schema_arrow.names])


class _Here(_Readable):
    """One that readers see."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def opened(self) -> pq.ParquetFile:
        return storage.opened(self.path)


class _Content(_Readable):
    """One that may be taken in."""

    def __init__(self, entry: Entry, rows: int) -> None:
        self.entry, self.rows, self.path = entry, rows, entry.path

    @classmethod
    def read(cls, entry: Entry, file: pq.ParquetFile) -> _Content:
        """From its footer.

        Raises:
            ValueError: it is not of the journal's form.
        """
        schema, needed = _NEEDED[entry.path.parts[-5]]
        for name in needed:
            if name not in file.schema_arrow.names or file.schema_arrow.field(name).type != schema.field(name).type:
                raise ValueError(f"it has no column {name} of type {schema.field(name).type}")
        found = cls(entry, file.metadata.num_rows)
        found.span = _span(file)
        if {layout.day(moment) for moment in found.span} != {entry.stub.day}:
            raise ValueError("its records are of another day")
        return found

    @property
    def last(self) -> float:
        return self.span[1]

    @property
    def whole(self) -> int:
        """How many records have all that they had: of two contents of one file, the one with fewer is the later.

        Nothing but erasure changes a file: it takes records out, or their bodies.
        """
        file = self.opened()
        if "redaction" not in file.schema_arrow.names:
            return self.rows
        marks: list[str | None] = file.read(["redaction"])["redaction"].to_pylist()
        return self.rows - marks.count(ERASED)

    def opened(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.entry.stub.open())


def _listed(store: str, model: str | None) -> dict[str, int]:
    """The archive's objects, each with its bytes, by their paths in there; without those that are being written."""
    stubs.check(store)
    place = stubs.root(store)
    found: dict[str, int] = {}
    for dataset in layout.DATASETS:
        folder = dataset if model is None else f"{dataset}/model={layout.encode_model(model)}"
        try:
            found |= place.within(folder).sizes(deep=True)
        except Unavailable as error:
            raise Unavailable(stubs.unreachable(store, str(error))) from error
    keys = ((path.removeprefix(place.path).lstrip("/"), size) for path, size in found.items())
    return {key: size for key, size in sorted(keys) if not key.rpartition("/")[2].startswith(".")}


def _entry(folder: Path, store: str, key: str, size: int) -> Entry | None:
    named = _OBJECT.fullmatch(key)
    if named is None:
        return None
    path = folder / named["partition"] / f"{named['file']}.parquet"
    return Entry(Stub(store, key, named["digest"], size), path, unquote(named["host"]))


def _is_there(path: Path) -> bool:
    """Whether the content of a file that readers see can still be had."""
    stub = None if path.exists() else stubs.read(layout.stub(path))
    return stub is None or stub.exists()


def _batches(entries: Iterable[Entry], least: int) -> Iterator[list[Entry]]:
    """So many or some more, those of one folder together."""
    batch: list[Entry] = []
    for partition in _grouped(entries, lambda each: each.path.parent):
        batch += partition
        if len(batch) >= least:
            yield batch
            batch = []
    yield from [batch] if batch else []


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> Iterator[list[_Item]]:
    found: dict[_Key, list[_Item]] = defaultdict(list)
    for each in items:
        found[key(each)].append(each)
    yield from found.values()


def _span(file: pq.ParquetFile) -> tuple[float, float]:
    """The moments of the first and the last record, in seconds since the epoch.

    Raises:
        ValueError: it does not say.
    """
    position = file.schema_arrow.names.index("time")
    groups = (file.metadata.row_group(number).column(position) for number in range(file.metadata.num_row_groups))
    known = [each.statistics for each in groups]
    if not known or not all(each and each.has_min_max for each in known):
        raise ValueError("it does not say when its records came")
    return min(each.min for each in known), max(each.max for each in known)


def _share(one: _Readable, other: _Readable) -> bool:
    """Whether two files have a record in common: then one of them, at least, is merged."""
    import duckdb

    versions = [each.path.name.partition(".")[2] for each in (one, other)]
    if versions[0] != versions[1] or not any(layout.is_merged(each.path) for each in (one, other)):
        return False
    if one.span[1] < other.span[0] or other.span[1] < one.span[0]:
        return False
    names = [name for name in one.records.column_names if name in other.records.column_names]
    with duckdb.connect() as database:
        database.register("one", one.records.select(names)).register("other", other.records.select(names))
        return database.execute(_SHARED).fetchone() is not None
