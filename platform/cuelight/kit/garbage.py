"""How often a program looks for garbage: seldom while it imports big libraries, whose objects stay.

Python looks through new objects whenever 700 more have come than gone, and through all of them now and then and when it
ends. MLflow, pandas and scikit-learn are half a million objects: that was a third of what short commands took.
"""

from __future__ import annotations

import atexit
import gc

_SELDOM = 10_000  # objects more than have gone
_USUAL = gc.get_threshold()


def look_seldom() -> None:
    """For a program's first line: it comes up sooner, and ends sooner."""
    gc.set_threshold(_SELDOM, *_USUAL[1:])
    atexit.register(gc.freeze)  # what is there is left to the system


def look_as_usual() -> None:
    """For a program that is up and has callers: many short looks, and what is there by now is left out of them."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
