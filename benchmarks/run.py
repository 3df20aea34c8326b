"""One run of the benchmarks, as those who measure pass it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.plan import Plan
from benchmarks.records import Results


@dataclass(frozen=True)
class Run:
    """What is planned, what was found so far, and who is told what goes on."""

    plan: Plan
    results: Results
    tell: Callable[[str], None]

    def leave_out(self, what: str, reason: str, detail: str = "") -> None:
        """Go on without this, and say why; `detail` is for the terminal alone."""
        self.tell(": ".join(each for each in ("left out", what, reason, detail) if each))
        self.results.leave_out(what, reason)
