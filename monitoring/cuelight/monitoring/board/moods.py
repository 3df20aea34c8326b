"""How what is told is coloured: the classes are those of the style sheet. Pure."""

from __future__ import annotations

from cuelight.operations.verdict import Verdict

CALM, UNKNOWN, ALARM, PLAIN = "calm", "unknown", "alarm", "plain"
_OF_VERDICTS = {Verdict.OK: CALM, Verdict.WATCH: UNKNOWN, Verdict.NOT_ENOUGH_DATA: UNKNOWN}


def of_verdict(verdict: str) -> str:
    """How a drift report's verdict looks; what is neither well nor unknown is an alarm."""
    return next((mood for known, mood in _OF_VERDICTS.items() if known == verdict), ALARM)
