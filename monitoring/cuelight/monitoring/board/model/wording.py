"""What the template of a model's page says and draws by. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cuelight.monitoring.board.model.course import Course, errors, look
from cuelight.monitoring.board.moods import of_verdict
from cuelight.monitoring.board.plots import Line, lines

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def span(seconds: float) -> str:
    """A time in its largest unit: `3.5 h`; less than a second in ms."""
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1000.0:.0f} ms"


def course_lines(course: Course, what: str) -> list[Line]:
    """One line a version, of its `p50`, `p99` or `errors`."""
    return [Line(getattr(track, what), track.look) for track in course.tracks]


def course_top(course: Course, what: str) -> float:
    """The highest value of these lines."""
    values = (value for track in course.tracks for value in getattr(track, what) if value is not None)
    return max(values, default=0.0)


GLOBALS: Mapping[str, Callable[..., Any]] = {
    "course_lines": course_lines,
    "course_top": course_top,
    "errors": errors,
    "lines": lines,
    "look": look,
    "span": span,
    "verdict_mood": of_verdict,
}
"""What the template calls, by name."""
