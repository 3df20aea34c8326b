"""Shares of traffic as people write them in tags."""

from __future__ import annotations


def percent(text: str) -> float | None:
    """A percentage from 0 to 100, with or without its sign; nothing is 0, and what can't be read None."""
    stripped = text.strip().removesuffix("%").strip()
    if not stripped:
        return 0.0 if not text.strip() else None
    try:
        value = float(stripped)
    except ValueError:
        return None
    return value if 0.0 <= value <= 100.0 else None
