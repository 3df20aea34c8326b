"""Texts of others, for people's eyes."""

from __future__ import annotations


def one_line(text: str) -> str:
    """A caller's text on one line; what would steer a terminal is shown as a dot."""
    return "".join(each if each.isprintable() else "·" for each in " ".join(text.split()))
