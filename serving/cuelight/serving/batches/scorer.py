"""Scores parts by a version in memory: rows are read, checked and predicted as a scoring server does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import pyarrow as pa
from threadpoolctl import threadpool_limits

from cuelight.kit.errors import BadInput, CuelightError
from cuelight.kit.place import Place
from cuelight.protocol.fit import ALL
from cuelight.serving.batches import answers
from cuelight.serving.batches.chunks import Chunk, chunks
from cuelight.serving.batches.plan import Order, Part
from cuelight.serving.batches.results import Done, Fault, Results, placed
from cuelight.serving.versions.loader import LoadedVersion, Output

_ROW = re.compile(r"\b([Rr]ow) 0\b")


class Scorer:
    """One version and one order; `source` and `results` are where that says."""

    def __init__(self, version: LoadedVersion, order: Order) -> None:
        self._version = version
        self._order = order
        self._source = Place.of(order.source)
        self._results = Results(Place.of(order.output))

    def score(self, part: Part) -> Done:
        """Score a part and write it.

        Raises:
            BadInput: more of its rows than the order allows have no answer, or its file can't be read, or was written
                anew since it was cut into parts; nothing was written.
            ModelFault: the model does not answer row by row.
        """
        try:
            with _one_thread():
                tables, faults = self._answers(part)
        finally:  # whatever is wrong with the rows, this is why
            self._check_stamp(part)
        return self._results.write(part, tables, faults)

    def _answers(self, part: Part) -> tuple[list[pa.Table], list[Fault]]:
        tables: list[pa.Table] = []
        faults: list[Fault] = []
        for chunk in chunks(self._source, part, self._version.signature, self._order.keep):
            for scored in self._scored(chunk):
                if isinstance(scored, Fault):
                    faults.append(scored)
                    check_errors(
                        len(faults), self._order.max_errors, f"{part.path}, row {scored.row}: {scored.reason} "
                    )
                else:
                    tables.append(self._table(part, scored))
        return tables, faults

    def _check_stamp(self, part: Part) -> None:
        if self._source.at(part.path).stamp() != part.stamp:
            raise BadInput(
                f"{part.path} was written anew, or removed, meanwhile. Give the command again once it stays."
            )

    def _scored(self, chunk: Chunk) -> Iterator[tuple[Chunk, dict[str, pa.Array]] | Fault]:
        """The chunk's answers; where a row spoils it, those of its halves."""
        try:
            output = self._predict(chunk)
        except BadInput as error:
            if chunk.count == 1:
                yield Fault(chunk.first, _ROW.sub(rf"\g<1> {chunk.first}", str(error)))
                return
        else:
            yield chunk, answers.columns(output, chunk.count)
            return
        for half in chunk.halves():
            yield from self._scored(half)

    def _predict(self, chunk: Chunk) -> Output:
        request = self._version.decoder.decode(*chunk.body(), ALL)
        if request.rows.count != chunk.count:
            raise BadInput(f"{chunk.count} rows are read as {request.rows.count}.")
        try:
            return self._version.predict(request.rows, request.parameters)
        except (CuelightError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  a model may raise anything, and its text may hold values
            raise BadInput(f"The model raised {type(error).__name__}.") from None

    def _table(self, part: Part, scored: tuple[Chunk, dict[str, pa.Array]]) -> pa.Table:
        chunk, columns = scored
        kept = chunk.columns(self._order.keep) if self._order.keep else {}
        table = placed(part, range(chunk.first, chunk.first + chunk.count))
        for name, values in (*columns.items(), *((f"input.{name}", each) for name, each in kept.items())):
            table = table.append_column(name, values)
        return table


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums add up in one order, wherever that is: those of BLAS and of forests go by threads, and round by these.

    What adds up within a row only, as boosted trees do, keeps its threads.
    """
    with threadpool_limits(1, user_api="blas"), joblib.parallel_config(backend="sequential"):
        yield


def check_errors(count: int, most: int, last: str = "") -> None:
    """Hold the number of rows without an answer against how many may have none.

    Raises:
        BadInput: there are more.
    """
    if count > most:
        allowed = f"{count} rows have no answer, and --max-errors {most} are allowed. " if most else ""
        raise BadInput(
            f"{last}{allowed}What is finished stays: mend the file, or allow more by --max-errors, and run it again."
        )
