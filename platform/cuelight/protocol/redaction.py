"""What is kept instead of personal values: nothing, a mask, or a keyed hash. Pure."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson

from cuelight.protocol.decoder import Decoder
from cuelight.protocol.encode import dump, plain
from cuelight.protocol.fit import Limits
from cuelight.protocol.media import JSON
from cuelight.protocol.rows import Array, Rows
from cuelight.protocol.signature import Column, Signature

DROP, MASK, HASH = WAYS = ("drop", "mask", "hash")
SEALED = "sealed"  # of the request its length and digest alone
ERASED = "erased"  # later, and with it the answer, since it held somebody's rows who asked for that
MASKED = "***"
_HASHED = "hmac-sha256:"
_LONG = 4  # characters: a shorter text stands in others by chance
_SMALL = 1000  # a whole number below it may be a class as well


@dataclass(frozen=True)
class Redactor:
    """Writes requests and answers without personal values; `how` is one of `WAYS`, `key` that of the hash.

    A hash is HMAC-SHA256 (RFC 2104) over the column's name, a zero byte and the value's text: the same value has the
    same hash in one column, whichever way it came, and another one in every other column.
    """

    how: str
    key: bytes = field(repr=False)

    def request(self, rows: Rows, parameters: Mapping[str, Any], personal: Sequence[str]) -> bytes:
        """The request as MLflow's JSON: columns as `dataframe_split`, tensors and entries as `inputs`.

        A personal tensor is left out, whatever the way. Without rows where no column is left.
        """
        given = {name: listed(values) for name, values in rows.columns.items()}
        document = self._tensors(given, personal) if rows.tensors else self._frame(given, personal)
        kept = {name: value for name, value in parameters.items() if name not in personal}
        return dump({**document, **({"params": kept} if kept else {})})

    def _frame(self, given: Mapping[str, list[Any]], personal: Sequence[str]) -> dict[str, Any]:
        kept = {
            name: [self.text(name, each) for each in values] if name in personal else values
            for name, values in given.items()
            if self.how != DROP or name not in personal
        }
        rows = [list(row) for row in zip(*kept.values(), strict=True)]
        return {"dataframe_split": {"columns": list(kept), "data": rows}} if kept else {}

    def _tensors(self, given: Mapping[str, list[Any]], personal: Sequence[str]) -> dict[str, Any]:
        kept = {name: without(values, personal) for name, values in given.items() if name not in personal}
        if not kept:
            return {}
        return {"inputs": kept[""] if list(kept) == [""] else kept}

    def text(self, column: str, value: Any) -> str | None:
        """What stands for a value of a personal column; a missing one stays missing."""
        if value is None or value != value:  # NaN
            return None
        return MASKED if self.how == MASK else self.hashed(column, canonical(value))

    def hashed(self, column: str, text: str) -> str:
        """The keyed hash of a value in its `canonical` text."""
        return _HASHED + self._digest(f"{column}\0{text}".encode())

    def seal(self, body: bytes) -> bytes:
        """Length and keyed digest of a body that can't be read: a plain digest of a short one could be guessed."""
        return dump({"length": len(body), "digest": _HASHED + self._digest(body)})

    def _digest(self, content: bytes) -> str:
        return hmac.new(self.key, content, hashlib.sha256).hexdigest()


def without_echo(predictions: Any, rows: Rows, personal: Sequence[str]) -> Any:
    """An answer (in the form of `{"predictions": ...}`) without outputs of personal names, and null for each value
    that repeats one of its row's.

    Numbers that may be classes (booleans, whole ones below 1000) are not taken for repeated; texts of 4 characters and
    more are found inside others too.
    """
    given = {name: listed(values) for name, values in rows.columns.items()}
    known = [_known(given, row, personal) for row in range(rows.count)]
    every = _Known.of(known)
    predictions = without(predictions, personal)
    if isinstance(predictions, dict):
        return {name: _by_row(values, known, every) for name, values in predictions.items()}
    return _by_row(predictions, known, every)


def _by_row(values: Any, known: Sequence[_Known], every: _Known) -> Any:
    if isinstance(values, list) and len(values) == len(known):
        return [each.out_of(value) for each, value in zip(known, values, strict=True)]
    return every.out_of(values)


@dataclass(frozen=True)
class _Known:
    """Personal values by which an answer would give somebody away."""

    texts: frozenset[str]
    numbers: frozenset[float]

    @classmethod
    def of(cls, parts: Iterable[_Known]) -> _Known:
        parts = list(parts)
        return cls(frozenset().union(*(p.texts for p in parts)), frozenset().union(*(p.numbers for p in parts)))

    def out_of(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.out_of(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.out_of(each) for each in value]
        if isinstance(value, str):
            return None if value in self.texts or any(len(t) >= _LONG and t in value for t in self.texts) else value
        return None if not isinstance(value, bool) and value in self.numbers else value


def _known(given: Mapping[str, list[Any]], row: int, personal: Sequence[str]) -> _Known:
    texts, numbers = set(), set()
    for value in _personal_values({name: values[row] for name, values in given.items()}, personal):
        if isinstance(value, int | float):
            if _tells(value):
                numbers.add(value)
                texts |= {canonical(value), str(value)}
        elif value is not None and value != "":
            texts.add(canonical(value))
    return _Known(frozenset(texts), frozenset(numbers))


def _tells(number: float) -> bool:
    return math.isfinite(number) and (abs(number) >= _SMALL or not float(number).is_integer())


def _personal_values(value: Any, personal: Sequence[str], inside: bool = False) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _personal_values(each, personal, inside or name in personal)
    elif isinstance(value, list):
        for each in value:
            yield from _personal_values(each, personal, inside)
    elif inside:
        yield value


def without(value: Any, names: Sequence[str]) -> Any:
    """Plain data without the entries of these names in any of its objects."""
    if isinstance(value, dict):
        return {name: without(each, names) for name, each in value.items() if name not in names}
    return [without(each, names) for each in value] if isinstance(value, list) else value


def listed(values: Array) -> list[Any]:
    """A column's values as plain Python; moments as ISO 8601."""
    found: list[Any] = plain(values.astype(str) if values.dtype.kind == "S" else values)
    return found


def canonical(value: Any) -> str:
    """One text for a value, whichever way it came: 5 and 5.0 are `5`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    return dump(value).decode().strip('"')


def candidates(text: str) -> set[str]:
    """What a value that a person writes as `text` may be in canonical form, by the type of its column."""
    found = {text, text.lower()} if text.lower() in ("true", "false") else {text}
    with contextlib.suppress(ValueError, OverflowError):
        number = float(text)
        if math.isfinite(number):
            with np.errstate(over="ignore"):
                found |= {canonical(_whole(text) or number), canonical(float(np.float32(number)))}
    with contextlib.suppress(ValueError, OverflowError):
        found.add(str(np.datetime64(text, "ns")))
    return found


def _whole(text: str) -> int:
    return int(text) if text.lstrip("+-").isdecimal() else 0


class Reader:
    """Reads what `Redactor.request` wrote, by the signature of the version."""

    def __init__(self, signature: Signature, how: str, personal: Sequence[str], limits: Limits) -> None:
        self._personal, self._limits = frozenset(personal), limits
        self._hidden = tuple(each.name for each in signature.columns if each.name in personal)
        kept = tuple(each for each in signature.columns if each.name not in personal)
        texts = () if how == DROP else tuple(Column(name, "string", required=False) for name in self._hidden)
        tensors = tuple(each for each in signature.tensors if each.name not in personal)
        self._decoder = Decoder(replace(signature, columns=(*kept, *texts), tensors=tensors))

    def read(self, request: bytes, count: int) -> tuple[dict[str, Array], dict[str, Array], Mapping[str, Any]]:
        """The columns of `count` rows that are as they were, what stands for the personal ones, and the parameters.

        Raises:
            CuelightError, ValueError: it is no such request.
        """
        document = orjson.loads(request)
        parameters = document.get("params", {})
        flat = self._decoder.decode(JSON, request, self._limits).rows.flat() if document.keys() - {"params"} else {}
        kept = {name: values for name, values in flat.items() if name not in self._personal}
        nothing: Array = np.full(count, None, dtype=object)
        hidden = dict.fromkeys(self._hidden, nothing) | {n: v for n, v in flat.items() if n in self._personal}
        return kept, hidden, parameters
