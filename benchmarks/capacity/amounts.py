"""Numbers as the capacity page writes them. Pure."""

from __future__ import annotations

from benchmarks.ratios import number

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def in_bytes(count: float) -> str:
    """Bytes in the unit that suits them."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.0f} {_UNITS[power]}" if not power else f"{number(count)} {_UNITS[power]}"


def rounded(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.1e}'):,.0f}"
