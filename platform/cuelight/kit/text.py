"""Texts of others, for people's eyes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_line(text: str) -> str:
    """A caller's text on one line; what would steer a terminal is shown as a dot."""
    return "".join(each if each.isprintable() else "·" for each in " ".join(text.split()))


def meant(name: str, known: Iterable[str]) -> str:
    """A question to end a message with: which of the known names was meant. Empty where none is like it.

    >>> meant("wnie", ["wine", "churn"])
    ' Is it `wine`?'
    """
    by_form = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), by_form, 1)
    return f" Is it `{by_form[near[0]]}`?" if near else ""
