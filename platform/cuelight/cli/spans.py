"""Spans of time on a command line."""

from __future__ import annotations

import click

from cuelight.kit.clock import parse_span


class Span(click.ParamType[float]):
    """Seconds, from 30m, 1h or 7d; more than none."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not (span := parse_span(str(value))):
            self.fail(f"{value!r} is no time such as 30m, 1h or 7d.", param, ctx)
        return span
