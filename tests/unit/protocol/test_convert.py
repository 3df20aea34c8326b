from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput
from cuelight.protocol.convert import column, tensor
from cuelight.protocol.signature import SCALARS, Column, Tensor

_ACCEPTED: list[tuple[str, Any, Any]] = [
    ("double", 1.5, 1.5),
    ("double", 3, 3.0),
    ("double", -0.0, 0.0),
    ("double", 2**53, float(2**53)),
    ("double", 1e300, 1e300),
    ("float", 0.1, float(np.float32(0.1))),
    ("float", 2**24, float(2**24)),
    ("long", 3.0, 3),
    ("long", 2**63 - 1, 2**63 - 1),
    ("long", -(2**63), -(2**63)),
    ("integer", 2**31 - 1, 2**31 - 1),
    ("integer", -(2.0**31), -(2**31)),
    ("boolean", True, True),
    ("string", "5.1", "5.1"),
    ("string", "", ""),
    ("string", None, None),
    ("binary", "aGk=", b"hi"),
    ("binary", None, None),
    ("datetime", "2026-01-02", np.datetime64("2026-01-02")),
    ("datetime", "2026-01-02T03:04:05", np.datetime64("2026-01-02T03:04:05")),
    ("datetime", "2026-01-02T03:04:05Z", np.datetime64("2026-01-02T03:04:05")),
    ("datetime", "2026-01-02T03:04:05+05:30", np.datetime64("2026-01-01T21:34:05")),
    ("datetime", "2026-01-02T00:00:00.123456789", np.datetime64("2026-01-02T00:00:00.123456789")),
    ("datetime", "2026-01-02T00:00:00.123456789000", np.datetime64("2026-01-02T00:00:00.123456789")),
    ("array", [1, 2], [1, 2]),
    ("object", {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("kind", "value", "wanted"), _ACCEPTED)
def test_a_value_of_the_type_converts_exactly(kind: str, value: Any, wanted: Any) -> None:
    """What is accepted is what was sent, in the type of the column."""
    array = column([value], Column("c", kind))
    assert array.shape == (1,)
    assert array.tolist() == [wanted] or array[0] == wanted


_REFUSED: list[tuple[str, Any]] = [
    ("integer", 3.7),
    ("long", 3.7),
    ("integer", 2**40),
    ("integer", 2**31),
    ("integer", -(2**31) - 1),
    ("long", 2**63),
    ("long", 2.0**63),
    ("long", 1e300),
    ("integer", None),
    ("long", None),
    ("boolean", None),
    ("boolean", 1),
    ("boolean", 0.0),
    ("boolean", "true"),
    ("double", "5.1"),
    ("double", True),
    ("double", 2**53 + 1),
    ("double", [1.0]),
    ("double", {}),
    ("float", 1e39),
    ("float", 2**24 + 1),
    ("float", False),
    ("integer", True),
    ("long", "7"),
    ("string", 5),
    ("string", True),
    ("string", ["x"]),
    ("binary", "not base64!"),
    ("binary", "aGk"),
    ("binary", "é"),
    ("binary", 5),
    ("datetime", "yesterday"),
    ("datetime", 5),
    ("datetime", ""),
    ("datetime", "0001-01-01T00:00:00"),
    ("datetime", "9999-12-31T00:00:00"),
    ("datetime", "0001-01-01T00:00:00+14:00"),
    ("datetime", "2026-01-01T00:00:00.1234567891"),
]


@pytest.mark.parametrize(("kind", "value"), _REFUSED)
def test_nothing_is_narrowed(kind: str, value: Any) -> None:
    """What the type can't hold as it is, is refused; the message names column, if need be row, and no value."""
    good = next(each for name, each, _ in _ACCEPTED if name == kind)
    with pytest.raises(BadInput, match="`c`") as caught:
        column([good, value], Column("c", kind))
    if value not in (None, True, False, 0.0, 1, 5, "", "7", "true", [], {}):
        assert str(value) not in str(caught.value)


def test_null_is_nan_in_floats_and_nat_in_datetimes() -> None:
    """Where a type has a form for what is missing, null becomes that."""
    assert np.isnan(column([None, 1.0], Column("c", "double"))).tolist() == [True, False]
    assert np.isnan(column([None], Column("c", "float"))).all()
    assert np.isnat(column([None, "2026-01-01"], Column("c", "datetime"))).tolist() == [True, False]


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], [[5]], [[], []], [{"a": [1]}]])
def test_cells_may_be_lists(rows: list[Any]) -> None:
    """A column of lists stays one cell a row, also where all lists have the same length."""
    array = column(rows, Column("c", "array"))
    assert array.shape == (len(rows),)
    assert array.tolist() == rows


@given(st.lists(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_numbers_are_kept_or_refused(values: list[int | float]) -> None:
    """For every whole-number and double column, each number is either the same afterwards or refused."""
    for kind in ("integer", "long", "double"):
        try:
            array = column(values, Column("c", kind))
        except BadInput:
            continue
        assert array.tolist() == values


@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.integers(-1400, 1400))
def test_moments_with_an_offset_are_in_utc(moment: datetime, minutes: int) -> None:
    """A moment with an offset is the same moment in UTC; one without is taken as it is."""
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    array = column([there.isoformat(), moment.isoformat()], Column("c", "datetime"))
    assert array.tolist() == [
        int(np.datetime64(there.astimezone(UTC).replace(tzinfo=None), "ns").astype(int)),
        int(np.datetime64(moment, "ns").astype(int)),
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=4), st.sampled_from([*SCALARS, "object", "array"]))
def test_any_values_give_a_column_or_bad_input(values: list[Any], kind: str) -> None:
    """Whatever JSON holds, the outcome is a column of that many rows, or `BadInput`."""
    with contextlib.suppress(BadInput):
        assert column(values, Column("c", kind)).shape == (len(values),)


@pytest.mark.parametrize(
    ("dtype", "shape", "values", "wanted"),
    [
        ("float64", (-1, 2), [[1, 2], [3.5, 4]], [[1.0, 2.0], [3.5, 4.0]]),
        ("float64", (-1, 2), [1, 2], [[1.0, 2.0]]),
        ("float32", (-1,), [0.5], [0.5]),
        ("int64", (-1, -1), [[1, 2.0]], [[1, 2]]),
        ("int64", (-1,), [2**63 - 1, 0], [2**63 - 1, 0]),
        ("int64", (-1,), [2**53 + 1, 1.0], [2**53 + 1, 1]),
        ("uint64", (-1,), [2**64 - 1], [2**64 - 1]),
        ("uint8", (-1, 1, 2), [[[0, 255]]], [[[0, 255]]]),
        ("bool", (-1,), [True, False], [True, False]),
        ("str", (-1,), ["a", "bcd"], ["a", "bcd"]),
        ("object", (-1, 1), [["a"], ["b"]], [["a"], ["b"]]),
        ("float64", (2, 2), [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("float64", (-1, 2, -1, 1), [[[[1], [2]], [[3], [4]]]], [[[[1], [2]], [[3], [4]]]]),
    ],
)
def test_a_tensor_that_fits_is_taken_as_it_is(dtype: str, shape: tuple[int, ...], values: Any, wanted: Any) -> None:
    """Shapes with -1, many dimensions, and a lone row of a matrix; every value the same afterwards."""
    array = tensor(values, Tensor("", dtype, shape))
    assert array.tolist() == wanted
    assert array.dtype.kind == np.dtype(dtype).kind


@pytest.mark.parametrize(
    ("dtype", "shape", "values"),
    [
        ("float64", (-1, 2), [[1, 2, 3]]),
        ("float64", (-1, 2), [[1], [2, 3]]),
        ("float64", (-1, 2), [[[1, 2]]]),
        ("float64", (-1, 2), 5),
        ("float64", (), 5),
        ("float64", (-1,), {"a": [1]}),
        ("float64", (-1,), [None, 1.0]),
        ("float64", (-1,), ["1.5"]),
        ("float64", (-1,), [True, 1.5]),
        ("float64", (-1,), [True]),
        ("float64", (-1,), [2**53 + 1, 0.5]),
        ("float32", (-1,), [1e39]),
        ("float32", (-1,), [2**24 + 1]),
        ("int64", (-1,), [1.5]),
        ("int64", (-1,), [True, 2]),
        ("int64", (-1,), [2**63]),
        ("int64", (-1,), [2**63, -1]),
        ("int32", (-1,), [2**40]),
        ("uint8", (-1,), [256]),
        ("uint8", (-1,), [-1]),
        ("bool", (-1,), [1, 0]),
        ("str", (-1,), ["a", 1]),
        ("str", (-1,), [None]),
        ("datetime64[ns]", (-1,), ["2026-01-01"]),
        ("complex128", (-1,), [1.0]),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(dtype: str, shape: tuple[int, ...], values: Any) -> None:
    """Shape, nulls, texts, booleans among numbers, and values beyond the type: all are the caller's to mend."""
    with pytest.raises(BadInput):
        tensor(values, Tensor("x", dtype, shape))


@given(_JSON, st.sampled_from(["float64", "float32", "int32", "uint8", "bool", "str", "object"]))
def test_any_value_gives_a_tensor_or_bad_input(value: Any, dtype: str) -> None:
    """Whatever JSON holds, the outcome is an array of the shape, or `BadInput`."""
    for shape in ((-1,), (-1, 2), (-1, -1, 1), (3,), ()):
        with contextlib.suppress(BadInput):
            assert tensor(value, Tensor("", dtype, shape)).ndim == len(shape)


@pytest.mark.parametrize("dtype", ["float64", "str", "S", "bool"])
def test_one_long_text_does_not_make_room_for_all(dtype: str) -> None:
    """NumPy's own texts are each as wide as the longest: a few megabytes would become terabytes."""
    values = ["x" * 2**20] + ["y"] * 2**20
    with pytest.raises(BadInput):
        tensor(values, Tensor("x", dtype, (-1,)))
    assert len(tensor(values, Tensor("x", "object", (-1,)))) == len(values)


def test_a_text_that_is_no_ascii_is_no_bytes() -> None:
    """NumPy's `S` holds nothing else."""
    with pytest.raises(BadInput, match="ASCII"):
        tensor(["\u00e4"], Tensor("x", "S", (-1,)))
