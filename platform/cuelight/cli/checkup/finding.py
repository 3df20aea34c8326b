"""What a check has found, in a sentence, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How well a part is; a `note` says what was not looked at, and why."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """One line of the report; a warning or a fault says in `mend` what to do."""

    state: State
    says: str
    mend: str = ""


def ok(says: str) -> Finding:
    """It is as it should be."""
    return Finding(State.OK, says)


def note(says: str) -> Finding:
    """Worth knowing, and nothing to mend."""
    return Finding(State.NOTE, says)


def warning(says: str, mend: str) -> Finding:
    """It works, and may not for long."""
    return Finding(State.WARNING, says, mend)


def fault(says: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(State.FAULT, says, mend)


def faulty(error: Exception, mend: str) -> Finding:
    """A fault in the words of an error of ours, whose sentences after the first say what to do; else `mend` does."""
    says, _, advice = str(error).partition(". ")
    return fault(says.removesuffix(".") + ".", advice or mend)


def bytes_of(count: float) -> str:
    """A number of bytes for people: `1.5 GiB`, `12 MiB`."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
