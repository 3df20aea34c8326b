"""Yes or no, as people write it into a tag."""

from __future__ import annotations

_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def flag(text: str) -> bool | None:
    """What a tag's text says; None where it is neither yes nor no."""
    return _WORDS.get(text.strip().lower())
