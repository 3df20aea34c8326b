"""How a section of the settings, and one setting in it, are written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

HIDDEN = "secret"  # the unit of what is never shown
T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def section(kind: type[T]) -> type[T]:
    """A class of settings that `Settings` inherits: only its fields count, so nothing else is made for it."""
    return dataclass(frozen=True, init=False, repr=False, eq=False)(kind)


def setting(default: Any, unit: str, text: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of a section: its default, unit and help; `choices`: all that it may be, where that is little."""
    return field(default=default, metadata={"unit": unit, "help": text, "choices": choices})
