"""What a text may hold where it is kept."""

from __future__ import annotations

from typing import Any


def storable(value: Any) -> Any:
    """A text, or values that hold texts, with U+FFFD for each NUL: PostgreSQL takes none; SQLite has to do the same."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {name: storable(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(storable, value))
    return value
