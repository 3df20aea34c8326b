"""Tests of telling faults in a pipeline's own code."""

from __future__ import annotations

import pytest

from cuelight.kit.errors import BadInput
from cuelight.pipelines.blame import PipelineFault, blamed


def test_the_first_line_and_the_place_are_told() -> None:
    """An error of several lines becomes one, with the file and line that raised it."""
    words = r"^`fit` failed: ValueError: too wide \(.*test_blame\.py, line \d+\)\.$"
    with pytest.raises(PipelineFault, match=words), blamed("`fit`"):
        raise ValueError("too wide\nand much more")


def test_what_is_meant_for_people_passes() -> None:
    """Errors of ours, and an interruption, are not dressed up."""
    for each in (BadInput("There is no file."), KeyboardInterrupt()):
        with pytest.raises(type(each)) as caught, blamed("`load`"):
            raise each
        assert caught.value is each
