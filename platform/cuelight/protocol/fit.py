"""What was given by name against what a signature asks for."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from msgspec import Struct

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.protocol.rows import Array
from cuelight.protocol.signature import Column, Signature, Tensor

MOST_COLUMNS = 10_000  # of a request that no signature holds against anything
_LONGEST_NAME = 100  # characters of it in a message


class Limits(Struct, frozen=True):
    """What one request may hold: so many `rows`, and `size` bytes of a table or a compressed body once expanded."""

    rows: int = 100_000
    size: int = 1 << 26


USUAL = Limits()
ALL = Limits(sys.maxsize, sys.maxsize)  # what was answered is read again, whatever is allowed by now


def columns(given: Collection[str], specs: Sequence[Column]) -> list[Column]:
    """The columns of the signature that are there; others in `given` are left aside.

    Raises:
        BadInput: a required one is missing, or none is there.
    """
    missing = [each.name for each in specs if each.required and each.name not in given]
    if missing:
        raise BadInput(f"Missing columns: {', '.join(missing)}. The model needs {', '.join(s.name for s in specs)}.")
    there = [each for each in specs if each.name in given]
    if not there:
        raise BadInput(f"None of the model's columns is there: {', '.join(each.name for each in specs)}.")
    return there


def tensors(given: Collection[str], specs: Sequence[Tensor]) -> None:
    """Check that each tensor of the signature is there.

    Raises:
        BadInput: one is not.
    """
    missing = [each.name for each in specs if each.name not in given]
    if missing:
        raise BadInput(f"Missing inputs: {', '.join(missing)}.")


def label(spec: Tensor) -> str:
    """A tensor as a message calls it."""
    return f"Input `{spec.name}`" if spec.name else "The input"


def has_shape(shape: Sequence[int], spec: Tensor) -> bool:
    """Whether an array of this shape is one that the tensor stands for."""
    return 0 < len(shape) == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, shape, strict=True)
    )


def shaped(array: Array, spec: Tensor) -> Array:
    """The array in the tensor's shape: a lone row may come without its brackets.

    Raises:
        BadInput: it has another one.
    """
    if len(spec.shape) > 1 and array.ndim == len(spec.shape) - 1 and spec.shape[0] == -1:
        array = array[None, ...]
    if not has_shape(array.shape, spec):
        raise BadInput(f"{label(spec)} has shape {array.shape}; the model takes {spec.shape} (-1 is any length).")
    return array


def rows(count: int, signature: Signature, most: int) -> None:
    """Check a number of rows before their values are read.

    A lone row may come without its brackets: what a tensor holds in it is then no number of rows.

    Raises:
        TooLarge: there are more than `most`.
    """
    if count > most and all(len(each.shape) < 2 or 0 <= each.shape[1] <= most for each in signature.tensors):
        raise too_many(most)


def too_many(most: int) -> TooLarge:
    """The error for more rows than a request may have."""
    return TooLarge(f"There are more rows than the {most} allowed in one request (serving.max_rows).")


def width(count: int) -> None:
    """Check how many columns come for a model without a signature: each costs as much as many of its values.

    Raises:
        TooLarge: there are more than `MOST_COLUMNS`.
    """
    if count > MOST_COLUMNS:
        raise TooLarge(f"A model without a signature takes {MOST_COLUMNS} columns at most: log it with one.")


def misfit(name: str, row: int, what: str) -> BadInput:
    """The error for one value of a column: never the value itself."""
    return BadInput(f"Column `{short(name)}`, row {row}: {what}.")


def short(name: str) -> str:
    """A name as a message can carry it: without a signature it is the caller's, and may be of any length."""
    return name[:_LONGEST_NAME]
