"""What can be wrong with data before any statistics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Kinds of findings about data quality."""

    MISSING_COLUMN = "missing column"
    NEW_COLUMN = "new column"
    TYPE_CHANGED = "type changed"
    ALL_NULL = "all null"
    MISSING_VALUES = "missing values"
    UNSEEN_LEVELS = "unseen levels"
    OUT_OF_RANGE = "out of range"
    CONSTANT = "constant"
    NOT_FINITE = "not finite"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Finding:
    """One finding about one column; an alert makes the window bad data, a note is only told."""

    column: str
    fault: Fault
    alert: bool
    text: str
