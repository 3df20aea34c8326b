"""What one worker works with, and what it does with scoring requests, by whichever way they came in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cuelight.journal.record import Schema
from cuelight.journal.writer import Writer
from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings
from cuelight.serving.call import Asked, Call, patience
from cuelight.serving.metrics import Metrics
from cuelight.serving.residents import Residents
from cuelight.serving.scoring import Outcome, respond
from cuelight.serving.shadow import Shadow, mirrored


@dataclass(frozen=True)
class Parts:
    """All of it belongs to one worker."""

    residents: Residents
    journal: Writer
    metrics: Metrics
    settings: Settings
    _declared: set[str] = field(default_factory=set)

    @cached_property
    def shadow(self) -> Shadow:
        """Where mirrored requests go."""
        return Shadow(self.answer_unheard, self.metrics.count_unmirrored)

    def expected_seconds(self, model: str) -> float:
        """How long the slowest served version of `model` took to predict in its trial; 0 if it is not served."""
        try:
            cast = self.residents.current()
        except CuelightError:
            return 0.0
        digests = {each.digest for (name, _), each in cast.deployment.tracks.items() if name == model or not model}
        return max((cast.loaded[each].predict_seconds for each in digests if each in cast.loaded), default=0.0)

    @property
    def _limits(self) -> tuple[int, str, int]:
        chosen = self.settings
        return chosen.serving_max_rows, chosen.serving_default_model, chosen.serving_max_expanded_bytes

    def call(self, asked: Asked, body: bytes, request_id: str, client: str, fault: CuelightError | None = None) -> Call:
        """A request that has come whole just now, with the time that it has from now on."""
        try:
            seconds = patience(asked.timeout_ms, self.settings.serving_timeout_seconds)
        except CuelightError as unreadable:
            fault, seconds = fault or unreadable, self.settings.serving_timeout_seconds
        now = time.monotonic()
        return Call(asked, body, request_id, client, fault=fault, arrived=now, deadline=now + seconds)

    def answer(self, calls: Sequence[Call]) -> list[Outcome]:
        """Answer calls together; all are journalled, by one write, and counted before the first answer leaves."""
        outcomes = respond(self.residents.current, calls, *self._limits)
        self._keep(outcomes)
        return outcomes

    def mirror(self, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        """Ask the shadow what Staging would have said; to be called when the answers have left."""
        with contextlib.suppress(CuelightError):
            traffic = self.residents.current().deployment.traffic
            if not traffic:
                return
            pairs = zip(calls, outcomes, strict=True)
            twins = [mirrored(call, outcome, traffic.get(outcome.record.model)) for call, outcome in pairs]
            if asked := [each for each in twins if each]:
                self.shadow.offer(asked)

    def answer_unheard(self, calls: Sequence[Call]) -> None:
        """Answer mirrored calls for the journal and the metrics; one whose version has gone meanwhile is forgotten."""
        outcomes = respond(self.residents.current, calls, *self._limits)
        self._keep([each for each in outcomes if each.record.version])

    def _keep(self, outcomes: Sequence[Outcome]) -> None:
        chosen = self.settings
        if chosen.journal_record and not self._record(outcomes):
            self.metrics.count_dropped(len(outcomes))
        self.metrics.count(outcomes)

    def _record(self, outcomes: Sequence[Outcome]) -> bool:
        """Write what was asked and answered, each version's signature first; False where the disk did not take it."""
        for outcome in outcomes:
            loaded = outcome.loaded
            if loaded is not None and loaded.digest not in self._declared:
                record = outcome.record
                self.journal.declare(Schema(record.model, record.version, record.digest, loaded.signature_json))
                self._declared.add(loaded.digest)
        return self.journal.append(*(outcome.record for outcome in outcomes))
