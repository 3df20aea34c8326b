"""Figures and moments in few characters, for people. Pure."""

from __future__ import annotations

import re

from markupsafe import Markup

_SPANS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SCALES = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))  # from where on, divided by, and its sign


def ago(at: float, now: float) -> str:
    """How long ago a moment was, by its largest unit; both in seconds since the epoch.

    >>> [ago(1000.0 - back, 1000.0) for back in (-5.0, 59.0, 60.0, 7199.0, 90000.0)]
    ['just now', 'just now', '1 min ago', '1 h ago', '1 d ago']
    """
    return next((f"{int((now - at) // size)} {unit} ago" for size, unit in _SPANS if now - at >= size), "just now")


def many(count: float) -> str:
    """A count in at most five characters or so.

    >>> [many(each) for each in (0, 950, 9_999, 12_340, 7_080_098)]
    ['0', '950', '9,999', '12.3 k', '7.08 M']
    """
    return next((f"{count / size:.3g} {sign}" for least, size, sign in _SCALES if count >= least), f"{count:,.0f}")


def milliseconds(value: float | None) -> str:
    """A latency in ms with its unit; empty for none.

    >>> [milliseconds(each) for each in (None, 0.456, 12.34, 456.7, 12_345.0)]
    ['', '0.46 ms', '12 ms', '457 ms', '12.3 s']
    """
    if value is None:
        return ""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:.2g} ms" if value < 100 else f"{value:.0f} ms"


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after any of its marks, where else it would be cut anywhere.

    >>> str(breakable("very_long.na<me"))
    'very_<wbr>long.<wbr>na&lt;me'
    """
    return Markup("<wbr>").join(re.split(r"(?<=[_.\-/])", name))


def percent(part: float, whole: float) -> str:
    """A part of a whole; what is there is never 0 %, and what is missing never 100 %.

    >>> [percent(*each) for each in ((0, 0), (0, 9), (1, 99_999), (5, 200), (1, 3), (99_999, 100_000), (9, 9))]
    ['0 %', '0 %', '< 0.01 %', '2.5 %', '33 %', '99.99 %', '100 %']
    """
    share = 100.0 * part / whole if whole else 0.0
    if 0.0 < share < 0.01:
        return "< 0.01 %"
    if share < 100.0 and round(share, 1) >= 99.5:
        return f"{min(share, 99.99):.2f} %"
    return f"{share:.2g} %" if share < 99.5 else "100 %"
