"""What came of a scoring request: its answer, its record, and the work that it was part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cuelight.journal.record import Prediction
from cuelight.protocol.rows import Rows
from cuelight.serving.versions.loader import LoadedVersion

if TYPE_CHECKING:
    from cuelight.serving.answering.traces import Trace

NO_ROWS = Rows({}, 0)


class Answer(Struct, frozen=True):
    """What goes back over the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


@dataclass(slots=True)
class Work:
    """What calls that belong together cost, decoding and encoding included.

    `size` is that of their bodies as they came, which is all that is known of the next one beforehand; `packed`:
    compressed. Of `seconds`, `decoding` and `predicting` are parts, and the rest is joining and encoding; `queued`:
    how long the first of the `calls` had waited before; `counted`: the metrics have it; `trace`: that of the call in
    whose name the model was last asked.
    """

    digest: str
    size: int
    seconds: float
    predicts: int = 1
    packed: bool = False
    calls: int = 1
    queued: float = 0.0
    decoding: float = 0.0
    predicting: float = 0.0
    counted: bool = False
    trace: Trace | None = None


class Personal(Struct, frozen=True):
    """What it takes to write a call without its personal columns; where none is named, nobody can tell which they are.

    `rows`: what was decoded, none where it could not be. `quotes`: the error tells of the body, and may hold parts of
    it.
    """

    columns: tuple[str, ...] = ()
    rows: Rows = NO_ROWS
    parameters: Mapping[str, Any] = {}
    quotes: bool = False


class Outcome(Struct, frozen=True):
    """An answer, its record, and where it got as far: the version's signature, and the work that it was part of.

    `invalid`: it holds what is no prediction; looked for only where the version is held against another. `personal`:
    the record must not be written as it is. `trace`: where traces are made.
    """

    answer: Answer
    record: Prediction
    loaded: LoadedVersion | None = None
    work: Work | None = None
    invalid: bool = False
    personal: Personal | None = None
    trace: Trace | None = None
