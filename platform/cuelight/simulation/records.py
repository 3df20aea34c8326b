"""What happened in a simulation, as plain data: drift jobs, retrainings, and the answers that came of them."""

from __future__ import annotations

from dataclasses import dataclass

from cuelight.operations.verdict import Verdict
from cuelight.pipelines.answers import Answers, Array
from cuelight.pipelines.gate import GateVerdict
from cuelight.pipelines.pipeline import TrainingPipeline

ALARMS = (Verdict.DRIFT.value, Verdict.DEGRADED.value)
UNDECIDED = (Verdict.NOT_ENOUGH_DATA.value, Verdict.BAD_DATA.value)


@dataclass(frozen=True)
class Judged:
    """One drift job.

    Attributes:
        at: its moment, in seconds since the epoch, as all times here.
        version: the version in charge, on whose rows it is.
        first, last: the rows [first, last) of the stream that came since the job before.
        rows, labelled: how many rows, and how many labelled ones, it judged.
        verdict, reason: the rule's word and sentence.
        ask: why it asked for a retraining; empty: it did not.
        why_not: why it did not although one was wanted.
    """

    at: float
    version: int
    first: int
    last: int
    rows: int
    labelled: int
    verdict: str
    reason: str
    ask: str = ""
    why_not: str = ""

    @property
    def alarm(self) -> bool:
        """Whether people were told of drift, or of worse answers."""
        return self.verdict in ALARMS

    @property
    def decided(self) -> bool:
        """Whether there was enough sound data for a verdict on drift."""
        return self.verdict not in UNDECIDED


@dataclass(frozen=True)
class Retraining:
    """One retraining, from the request to traffic.

    Attributes:
        asked_at, ended_at: it begins when it is asked for; its end may be after the stream's.
        because: the reason of the request.
        labels: how many labelled rows it could read: the first of the stream.
        outcome: `staged`, `rejected`, `not enough labels` or `failed`; `sentence`: what the gate said, or the error.
        version: its number, where there is one.
        promoted_at: when it took over; None: it did not, while the stream went on.
    """

    asked_at: float
    ended_at: float
    because: str
    labels: int
    outcome: str
    sentence: str
    version: int | None = None
    promoted_at: float | None = None


@dataclass(frozen=True)
class Played:
    """A stream that was played to its end.

    Attributes:
        times: of each row (rows,).
        loop, frozen: the answers to all rows by whoever was in charge, and by the first version.
        first: what the gate said of the first version.
        judged, retrainings: in the order of time.
    """

    pipeline: TrainingPipeline
    times: Array
    loop: Answers
    frozen: Answers
    first: GateVerdict
    judged: tuple[Judged, ...]
    retrainings: tuple[Retraining, ...]
