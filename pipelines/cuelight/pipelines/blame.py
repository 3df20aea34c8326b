"""Faults in a pipeline's own code: told in one line with the place, as its author needs it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from cuelight.kit.errors import CuelightError


class PipelineFault(CuelightError):
    """A pipeline's own code raised; the text says what it did, and where."""

    code = "PIPELINE_FAULT"


@contextmanager
def blamed(doing: str) -> Iterator[None]:
    """Run a pipeline's code; `doing` says what it is asked for, to begin the sentence.

    Raises:
        PipelineFault: it raised; errors of ours pass as they are.
    """
    try:
        yield
    except CuelightError:
        raise
    except Exception as error:  # somebody's own code may raise anything
        said = (str(error).strip().splitlines() or [""])[0]
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise PipelineFault(f"{doing} failed: {what} ({_place(error)}).") from error


def _place(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}, line {frame.lineno}"
