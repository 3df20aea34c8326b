"""Which version was in Production before the present one, by the history."""

from __future__ import annotations

from collections.abc import Iterable

from cuelight.kit.errors import NotFound
from cuelight.operations.database import Operations
from cuelight.operations.kinds import Kind

_PRODUCTION = "Production"


def present_and_before(operations: Operations, model: str) -> tuple[int, int]:
    """The version that was put into Production last, and the one to go back to.

    Raises:
        NotFound: there is none to go back to.
        Unavailable: the history can't be read.
    """
    events = operations.history(model, kinds=(Kind.SWITCHED,))
    led = line(each.version for each in events if each.detail.get("track") == _PRODUCTION and each.version is not None)
    if len(led) < 2:
        raise NotFound(f"There is no Production version of {model!r} before the present one to go back to.")
    return led[-1], led[-2]


def line(versions: Iterable[int]) -> list[int]:
    """The versions that led to the present one, from all that were in Production one after the other.

    Going back takes the last one off: after 1, 2, 1 the line is 1, so that going back twice never goes forward.
    """
    led: list[int] = []
    for version in versions:
        if led[-2:-1] == [version]:
            led.pop()
        elif led[-1:] != [version]:
            led.append(version)
    return led
