"""What would have followed from verdicts, in their order: alerts, and requests for retraining. Pure.

They are decided by the functions that decide on real ones. What a retraining would have changed nobody knows: a request
is taken to end at once, and the version to stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts.troubles import Terms, Watch, follow
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.retraining.triggers import Known, decide
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.retraining import FINISHED, STAGED, Limits, RetrainRequest, hindrance, last_learned
from cuelight.registry.model import Track


@dataclass(frozen=True)
class Consequence:
    """What would have followed from one verdict; empty where nothing would.

    Attributes:
        alerts: titles of what would have been told, a recovery too.
        ask: why a retraining would have been asked for; `why_not`: why it would not, though it was wanted.
    """

    alerts: tuple[str, ...] = ()
    ask: str = ""
    why_not: str = ""


@dataclass
class Consequences:
    """Takes the outcomes of one model in the order of time."""

    settings: Settings
    _watch: Watch = field(default_factory=Watch)
    _requests: list[RetrainRequest] = field(default_factory=list)  # newest first
    _version: int | None = None
    _events: int = 0

    def of(self, outcome: Outcome, known: Known) -> Consequence:
        """What follows; `known` is what was known then, but for what stands against a request."""
        last, limits = next(iter(self._requests), None), Limits.of(self.settings)
        waiting = last if last and last.version == outcome.version else None  # until another version is in charge
        found = hindrance(self._requests, limits, outcome.at, waiting)
        decision = decide(replace(known, hindrance=found), self.settings)
        if decision.ask:
            self._requests.insert(0, self._request(outcome, decision.ask))
        return Consequence(self._alerts(outcome), decision.ask, decision.why_not)

    def learned(self) -> float:
        """When the newest request was filed, epoch seconds; labels that came later are new."""
        return last_learned(self._requests)

    def _alerts(self, outcome: Outcome) -> tuple[str, ...]:
        events = [self._event(outcome, Kind.DRIFT, {"verdict": outcome.verdict, "reason": outcome.sentence})]
        if self._version != outcome.version:
            events.insert(0, self._event(outcome, Kind.SWITCHED, {"track": Track.PRODUCTION.value}))
        self._version = outcome.version
        self._watch, alerts = follow(self._watch, events, outcome.at, Terms(0.0, ""))
        return tuple(each.title for each in alerts)

    def _event(self, outcome: Outcome, kind: Kind, detail: dict[str, str]) -> Event:
        self._events += 1
        number = self._events
        return Event(number, "backtest", number, outcome.at, kind.value, outcome.model, outcome.version, detail, "")

    def _request(self, outcome: Outcome, because: str) -> RetrainRequest:
        return RetrainRequest(
            id=len(self._requests) + 1,
            model=outcome.model,
            version=outcome.version,
            reason=because,
            evidence={},
            requested_at=outcome.at,
            state=FINISHED,
            holder="",
            token=1,
            lease_until=outcome.at,
            taken_at=outcome.at,
            finished_at=outcome.at,
            outcome=STAGED,
            detail={},
        )
