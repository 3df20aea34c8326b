"""MLflow's JSON forms read straight into typed values, by parsers made from the signature.

Types, widths, nulls and ranges are checked while the text is parsed. What is read here is what `decode` makes of the
same body, to the bit; whatever is unusual is left to `decode`, which says what is wrong with it, if anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.protocol import convert, fit, keys
from cuelight.protocol.decode import ScoringRequest
from cuelight.protocol.parameters import parameters
from cuelight.protocol.rows import Array, Layout, Rows
from cuelight.protocol.signature import Column, Signature, Tensor

_BEGINNING = re.compile(
    rb'\s*\{\s*"(dataframe_split|dataframe_records|instances|inputs)"\s*:\s*'
    rb'(?:\{\s*"columns"\s*:\s*(\[[^\]]*\])|(\[\s*\{|\[|\{))'
)
_ODD = re.compile(r'["\\\x00-\x1f]')  # msgspec takes no such names
_MOST_COLUMNS = 1000
_MOST_ORDERS = 8  # orders of columns, and sets of optional ones, that a version remembers
_MOST_KNOWN = 64
_LONGEST_PARAMS = 1000  # bytes: no room for nesting that one parser takes and another does not
_names = msgspec.json.Decoder(tuple[str, ...])


def _float(bits: int) -> Any:
    """Floats among which every integer is itself and nothing is out of range: no more is left to check."""
    return Annotated[float, Meta(gt=-(2.0**bits), lt=2.0**bits)]


def _integer(kind: str) -> Any:
    limits = np.iinfo(kind)
    return Annotated[int, Meta(ge=int(limits.min), le=int(limits.max))]


_OTHER = str | int | float | bool | None  # in a column that the signature does not have
_TYPES: Mapping[str, Any] = {
    "double": _float(53) | None,
    "float": _float(24) | None,
    "long": _integer("int64"),
    "integer": _integer("int32"),
    "boolean": bool,
    "string": str | None,
    "binary": str | None,
    "datetime": str | None,
}
_DTYPES = {"double": "float64", "long": "int64", "integer": "int32", "boolean": "bool"}
_REFUSING = ("binary", "datetime")  # not every string is one
_TENSORS: Mapping[str, Any] = {
    "float64": _float(53),
    "float32": _float(24),
    "bool": bool,
    **{name: _integer(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")},
}


class _Unusual(Exception):
    """`decode` has to say what this body means."""


class _Taken(Struct, frozen=True):
    """A body's rows, how many colons its keys account for, and where in its records strings may hold more."""

    rows: Rows
    colons: int
    records: Sequence[tuple[Any, ...]] = ()
    texts: Sequence[int] = ()


class _Way(NamedTuple):
    """How bodies that begin alike are read: parsed, then taken."""

    decoder: msgspec.json.Decoder[Any]
    take: Callable[[Any], _Taken]


class _Beginning(NamedTuple):
    """A form, the columns that a split begins with, and the brackets that another form's value begins with."""

    form: str
    columns: tuple[str, ...]
    brackets: bytes


class Reader:
    """Reads usual bodies, each in the way that its beginning asks for."""

    def __init__(self, signature: Signature, make: Callable[[_Beginning], _Way]) -> None:
        self._signature = signature
        self._make = make
        self._made: dict[_Beginning, _Way] = {}
        self._known: dict[tuple[bytes, ...], _Way] = {}  # by the very bytes

    def read(self, body: bytes, max_rows: int) -> ScoringRequest | None:
        """The rows and parameters; None: `decode` has to say.

        Raises:
            TooLarge: more rows than `max_rows`.
        """
        beginning = _BEGINNING.match(body)
        if beginning is None:
            return None
        try:
            way = self._way(beginning.groups(b""))
            document = way.decoder.decode(body)
            if len(body) > max_rows:  # else it has not as many
                fit.rows(_longest(document.value), self._signature, max_rows)
            given = _params(document.params)
            taken = way.take(document.value)
            if not taken.rows.count or not _all_read(body, taken, given):
                return None
            return ScoringRequest(taken.rows, parameters(given, self._signature) if given else {})
        except TooLarge:
            raise
        except (_Unusual, BadInput, ValueError, RecursionError):  # msgspec's and orjson's errors are ValueErrors
            return None

    def _way(self, found: tuple[bytes, ...]) -> _Way:
        way = self._known.get(found)
        if way is None:
            form, columns, brackets = found
            beginning = _Beginning(form.decode(), _names.decode(columns or b"[]"), brackets[:1] + brackets[-1:])
            way = self._made.get(beginning)
            if way is None:
                way = self._made[beginning] = self._make(beginning)
            if len(self._known) < _MOST_KNOWN:
                self._known[found] = way
        return way


def reader(signature: Signature) -> Reader | None:
    """A reader for this signature; None where `decode` has to read everything."""
    names = [each.name for each in signature.columns] + [each.name for each in signature.tensors]
    if not 0 < len(names) <= _MOST_COLUMNS or len(set(names)) < len(names) or any(map(_ODD.search, names)):
        return None
    if signature.entries:
        return None
    if signature.columns and all(each.type in _TYPES for each in signature.columns):
        return Reader(signature, _Table(signature.columns).way)
    if signature.tensors and all(each.dtype in _TENSORS and each.shape for each in signature.tensors):
        return Reader(signature, partial(_tensors, signature.tensors))
    return None


def _longest(value: Any) -> int:
    """How many rows a form's value can have."""
    lists = [value] if isinstance(value, list) else msgspec.structs.astuple(value)
    return max((len(each) for each in lists if isinstance(each, list)), default=0)


def _params(given: Any) -> dict[str, Any] | None:
    if given is UNSET:
        return None
    parsed = orjson.loads(bytes(given)) if len(given) <= _LONGEST_PARAMS else None
    if not isinstance(parsed, dict):
        raise _Unusual
    return parsed


def _all_read(body: bytes, taken: _Taken, given: Mapping[str, Any] | None) -> bool:
    """Whether no key of the text was lost (see `keys`); in doubt not."""
    left = keys.colons(body) - taken.colons - 1 - (0 if given is None else 1 + len(given))
    if left and keys.ESCAPED not in body:
        for place in taken.texts:
            left -= sum(value.count(":") for each in taken.records if (value := each[place]).__class__ is str)
    return left == 0


def _decoder(form: str, kind: Any) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [("value", kind), ("params", msgspec.Raw | UnsetType, UNSET)]
    named = msgspec.defstruct("Document", fields, rename={"value": form}, forbid_unknown_fields=True)
    return msgspec.json.Decoder(named)


def _object(types: Mapping[str, Any], optional: Iterable[str] = ()) -> Any:
    """An object's type; its fields are called by their numbers, since a name may be any text."""
    fields: list[Any] = [
        (f"f{number}", kind | UnsetType, UNSET) if name in optional else (f"f{number}", kind)
        for number, (name, kind) in enumerate(types.items())
    ]
    rename = {field[0]: name for field, name in zip(fields, types, strict=True)}
    return msgspec.defstruct("Object", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)


class _Table:
    """The ways to read bodies for a signature of columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._specs = {each.name: each for each in columns}
        self._names = tuple(self._specs)
        self._types = {each.name: _TYPES[each.type] for each in columns}
        self._optional = frozenset(each.name for each in columns if not each.required)
        self._orders = {self._names: _Order(columns, self._names)}

    def way(self, beginning: _Beginning) -> _Way:
        """How bodies with this beginning are read.

        Raises:
            _Unusual: `decode` has to read them.
        """
        form, columns, brackets = beginning
        if form == "dataframe_split":
            return self._split(columns)
        if brackets == b"[{":
            return _Way(_decoder(form, _list(_object(self._types, self._optional))), self._take_objects)
        if brackets == b"[[" and form != "dataframe_records":
            return _Way(_decoder(form, _list(_tuple(self._types.values()))), self._take_rows)
        if brackets == b"{{" and form == "inputs":
            lists = {name: _list(kind) for name, kind in self._types.items()}
            return _Way(_decoder(form, _object(lists, self._optional)), self._take_lists)
        raise _Unusual

    def _split(self, names: tuple[str, ...]) -> _Way:
        order = self._order(names)
        fields: list[Any] = [
            ("columns", _tuple(Literal[name] for name in names)),
            ("data", _list(_tuple(self._types.get(name, _OTHER) for name in names))),
            ("index", list[int] | UnsetType, UNSET),
        ]
        colons = 2 + sum(name.count(":") for name in names)

        def take(value: Any) -> _Taken:
            return order.take(value.data, colons + (value.index is not UNSET))

        kind = msgspec.defstruct("Split", fields, forbid_unknown_fields=True, gc=False)
        return _Way(_decoder("dataframe_split", kind), take)

    def _take_rows(self, value: Any) -> _Taken:
        return self._order(self._names).take(value, 0)

    def _take_objects(self, value: Any) -> _Taken:
        records = list(map(msgspec.structs.astuple, value))
        order = self._order(self._names)
        if self._optional and records:
            present = self._present(records[0])
            if any(self._present(each) != present for each in records):
                raise _Unusual
            if len(present) < len(self._names):
                places = [self._names.index(name) for name in present]
                records = [tuple(each[place] for place in places) for each in records]
                order = self._order(present)
        return order.take(records, len(records) * order.colons)

    def _take_lists(self, value: Any) -> _Taken:
        lists = msgspec.structs.astuple(value)
        order = self._order(self._present(lists))
        return order.take(list(zip(*(each for each in lists if each is not UNSET), strict=True)), order.colons)

    def _present(self, record: tuple[Any, ...]) -> tuple[str, ...]:
        if not self._optional:
            return self._names
        return tuple(name for name, value in zip(self._names, record, strict=True) if value is not UNSET)

    def _order(self, names: tuple[str, ...]) -> _Order:
        """How records of these columns become rows.

        Raises:
            _Unusual: a name is there twice, or one that is needed is not, or there are too many (orders) to remember.
        """
        order = self._orders.get(names)
        if order is None:
            given = set(names)
            specs = [each for each in self._specs.values() if each.name in given]
            unfit = not specs or self._specs.keys() - self._optional - given or len(given) < len(names)
            if unfit or len(names) > _MOST_COLUMNS or len(self._orders) >= _MOST_ORDERS:
                raise _Unusual
            order = self._orders[names] = _Order(specs, names)
        return order


class _Order:
    """Records whose values are in this order."""

    def __init__(self, specs: Sequence[Column], names: Sequence[str]) -> None:
        self._layout = Layout(
            tuple(each.name for each in specs),
            tuple(_maker(each) for each in specs),
            tuple(names.index(each.name) for each in specs),
            all(each.type == "double" for each in specs) and len(specs) == len(names),
        )
        self._refusing = any(each.type in _REFUSING for each in specs)
        self.colons = len(names) + sum(name.count(":") for name in names)
        plain = {each.name for each in specs if each.type in _DTYPES or each.type == "float"}
        self._texts = [place for place, name in enumerate(names) if name not in plain]

    def take(self, records: Sequence[tuple[Any, ...]], colons: int) -> _Taken:
        """The rows of typed records."""
        if self._refusing and records:
            rows = Rows(self._layout.columns(records), len(records))
        else:
            rows = Rows.of_records(self._layout, records)
        return _Taken(rows, colons, records, self._texts)


def _tuple(types: Iterable[Any]) -> Any:
    return tuple.__class_getitem__(tuple(types))


def _list(kind: Any) -> Any:
    return list.__class_getitem__(kind)


def _maker(spec: Column) -> Callable[[Sequence[Any]], Array]:
    if spec.type in _DTYPES:
        return partial(np.array, dtype=_DTYPES[spec.type])
    return {"float": _singles, "string": _texts}.get(spec.type) or partial(convert.column, spec=spec)


def _singles(values: Sequence[Any]) -> Array:
    return np.array(values, dtype=np.float64).astype(np.float32)


def _texts(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _tensors(specs: Sequence[Tensor], beginning: _Beginning) -> _Way:
    """The way to read nested lists for a signature of tensors: a lone one as itself, or all by their names."""
    form, _, brackets = beginning
    types = {each.name: _nested(each) for each in specs}
    if brackets == b"[[" and len(specs) == 1 and form in ("instances", "inputs"):

        def alone(value: Any) -> _Taken:
            return _Taken(_arrays(specs, [value]), 0)

        return _Way(_decoder(form, types[specs[0].name]), alone)
    if brackets == b"{{" and form == "inputs" and all(types):
        colons = len(specs) + sum(each.name.count(":") for each in specs)

        def named(value: Any) -> _Taken:
            return _Taken(_arrays(specs, msgspec.structs.astuple(value)), colons)

        return _Way(_decoder(form, _object(types)), named)
    raise _Unusual


def _nested(spec: Tensor) -> Any:
    kind = _TENSORS[spec.dtype]
    for _ in spec.shape:
        kind = _list(kind)
    return kind


def _arrays(specs: Sequence[Tensor], values: Sequence[Any]) -> Rows:
    arrays = {spec.name: np.array(value, dtype=spec.dtype) for spec, value in zip(specs, values, strict=True)}
    if not all(fit.has_shape(arrays[spec.name].shape, spec) for spec in specs):
        raise _Unusual
    counts = {len(each) for each in arrays.values()}
    if len(counts) > 1:
        raise _Unusual
    return Rows(arrays, counts.pop(), tensors=True)
