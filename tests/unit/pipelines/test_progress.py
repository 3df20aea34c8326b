"""Tests of progress as it is shown where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cuelight.pipelines.progress import Steps


def test_without_a_terminal_each_step_is_one_plain_line() -> None:
    """No escape codes and no spinner reach a file; text in brackets is shown as it is."""
    output = io.StringIO()
    steps = Steps(Console(file=output, width=200))
    with steps.step("Load [data]"):
        pass
    steps.note("rmse 0.1")
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("✓ Load [data] ")
    assert lines[1:] == ["  rmse 0.1"]
    assert "\x1b" not in output.getvalue()


def test_a_step_that_fails_is_marked_and_the_error_goes_on() -> None:
    """A cross instead of a tick, and the exception is the caller's."""
    output = io.StringIO()
    steps = Steps(Console(file=output, width=200))
    with pytest.raises(ValueError, match="no"), steps.step("Fit"):
        raise ValueError("no")
    assert output.getvalue() == "✗ Fit\n"
