"""Keys that are there twice in one JSON object: parsers keep the last and say nothing, here they are refused.

Each key has one colon outside of strings. Where a text has as many colons as keys came out of it, none was lost.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput

ESCAPED = b"\\u003"  # how a string could hold a colon that is none in the text
_COLON = ord(":")
_LONG = 1 << 14  # bytes; NumPy counts three times as fast, but takes longer to begin


def colons(body: bytes) -> int:
    """How many colons the text has, those in strings included."""
    if len(body) < _LONG:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == _COLON))


def count(document: dict[str, Any]) -> int:
    """The keys of a document and of the objects right below it; deeper ones are not worth the time."""
    found = len(document)
    for value in document.values():
        if isinstance(value, dict):
            found += len(value)
        elif isinstance(value, list):
            found += sum(len(each) for each in value if isinstance(each, dict))
    return found


def refuse_twice(body: bytes) -> None:
    """Read valid JSON once more, slowly, with every pair of every object.

    Raises:
        BadInput: a key is there twice in one object, or the nesting is too deep to say.
    """
    try:
        json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except RecursionError:
        raise BadInput("The body is nested too deeply.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadInput("A key is there twice in one JSON object.")
    return found
