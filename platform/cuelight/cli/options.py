"""What several commands take on their command line: spans of time, moments, and files to draw into."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from cuelight.kit.clock import parse_span
from cuelight.kit.errors import BadInput

_PICTURES = (".png", ".svg")


class Span(click.ParamType[float]):
    """Seconds, from 30m, 1h or 7d; more than none."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not (span := parse_span(str(value))):
            self.fail(f"{value!r} is no time such as 30m, 1h or 7d.", param, ctx)
        return span


class Picture(click.ParamType[Path]):
    """A file to draw into: its ending says in which form."""

    name = "file"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(str(value))
        if path.suffix.lower() not in _PICTURES:
            self.fail(f"{path}: the name must end in {' or '.join(_PICTURES)}.", param, ctx)
        return path


def parse_moment(text: str | None, now: float, option: str = "--since") -> float | None:
    """A moment in seconds since the epoch, from an age or an ISO 8601 time; None for none.

    Raises:
        BadInput: it is neither.
    """
    if text is None:
        return None
    if (age := parse_span(text)) is not None:
        return now - age
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadInput(f"{option} {text}: give an age such as 30m, 12h or 7d, or an ISO 8601 time.") from None
