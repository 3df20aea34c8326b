"""What was given by name against what a signature asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cuelight.kit.errors import BadInput, TooLarge
from cuelight.protocol.signature import Column, Tensor


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


def too_many(rows: int, most: int) -> TooLarge:
    """The error for more rows than a request may have."""
    return TooLarge(f"{rows} rows are more than the {most} allowed in one request (serving_max_rows).")
