"""Requests in the journal as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cuelight.kit.clock import utc
from cuelight.kit.text import one_line

if TYPE_CHECKING:
    from cuelight.journal.tail import Entry

_COLORS = {4: "yellow", 5: "red"}  # by the status's first digit


def line(entry: Entry) -> str:
    """Moment (UTC), status, who answered, rows, latency, prediction id, caller; what was wrong.

    Texts that came from outside are shown as `one_line` has them: nothing of theirs steers a terminal.
    """
    moment = f"{utc(entry['time'])}.{int(entry['time'] % 1 * 1000):03d}"
    version = f"version {entry['version']}" if entry["version"] else "no version"
    count = f"{entry['rows']:,} row{' ' if entry['rows'] == 1 else 's'}"
    parts = [
        moment,
        click.style(str(entry["status"]), fg=_COLORS.get(entry["status"] // 100)),
        f"{version:<11}",
        f"{one_line(entry['track']):<10} {one_line(entry['arm']):<8}",
        f"{count:>9}",
        f"{entry['latency_ms']:>8,.1f} ms",
        one_line(entry["prediction_id"]),
        one_line(entry["caller"] or entry["client"]),
    ]
    return "  ".join(parts) + (f"  Error: {one_line(entry['error'])}" if entry["error"] else "")
