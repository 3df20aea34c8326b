"""How verdicts look."""

from __future__ import annotations

from cuelight.monitoring.board.moods import of_verdict


def test_verdicts_have_moods() -> None:
    """An unknown word is an alarm rather than calm."""
    assert [of_verdict(each) for each in ("ok", "watch", "not enough data", "drift", "new word")] == [
        "calm",
        "unknown",
        "unknown",
        "alarm",
        "alarm",
    ]
