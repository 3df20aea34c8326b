from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import atexit, gc
from cuelight.kit import garbage

usual = gc.get_threshold()
atexit.register(lambda: print(gc.get_count()[2], gc.get_freeze_count() > 1000))
garbage.look_seldom()
print(gc.get_threshold()[0] > usual[0], gc.get_threshold()[1:] == usual[1:])
there = len(gc.get_objects())
{}
"""
_UP = """
garbage.look_as_usual()
print(gc.get_threshold() == usual, len(gc.get_objects()) < there / 10)
gc.unfreeze()
"""


def _said(more: str) -> list[str]:
    command = [sys.executable, "-c", _PROGRAM.format(more)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_program_that_comes_up_seldom_looks_for_garbage() -> None:
    """Nor does it look through everything when it ends."""
    assert _said("") == ["True True", "0 True"]


def test_one_that_is_up_looks_as_usual_but_not_at_what_was_there() -> None:
    """Its threshold is Python's again, and what was imported is left out."""
    assert _said(_UP)[:2] == ["True True", "True True"]
