"""What one worker works with, and what it does with scoring requests, by whichever way they came in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from msgspec import structs

from cuelight.access.guard import Guard
from cuelight.access.permissions import Grant, Scope
from cuelight.journal.record import Prediction, Schema
from cuelight.journal.writer import Writer
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.settings import Settings
from cuelight.protocol.fit import Limits
from cuelight.protocol.passage import DIRECT, Passage
from cuelight.serving.answering.call import Asked, Call, patience
from cuelight.serving.answering.choice import Choice, choose, default
from cuelight.serving.answering.discretion import Discretion
from cuelight.serving.answering.door import Door
from cuelight.serving.answering.lanes import Kind
from cuelight.serving.answering.metrics import Metrics
from cuelight.serving.answering.outcome import Answer, Outcome
from cuelight.serving.answering.rematches import Rematches
from cuelight.serving.answering.residents import Cast, Casting
from cuelight.serving.answering.scoring import respond
from cuelight.serving.answering.shadow import mirrored
from cuelight.serving.answering.unheard import Unheard
from cuelight.serving.host.places import Places

if TYPE_CHECKING:
    from cuelight.serving.answering.traces import Traces

_AWAY = Kind("", seconds=1.0)  # what was just put in charge is not loaded yet: whoever asks for it waits aside
ELSEWHERE = Kind("", together=False)  # a guest: not for this process to predict, or not loaded here yet
_MOST_KINDS = 512


@dataclass
class _Kinds:
    """What was found out for one generation."""

    cast: Cast | None = None
    shared: bool = False
    by_asked: dict[Asked, Kind | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """All of it belongs to one worker; `traces` is there where somebody wants them."""

    residents: Casting
    journal: Writer
    metrics: Metrics
    settings: Settings
    traces: Traces | None = None
    _declared: set[str] = field(default_factory=set)
    _kinds: _Kinds = field(default_factory=_Kinds)

    @cached_property
    def door(self) -> Door:
        """Where calls go that this process does not answer."""
        return Door(Places(self.settings.serving_folder).door)

    @cached_property
    def guard(self) -> Guard | None:
        """Who says which callers may do what; None: all may do everything."""
        return Guard(self.settings.tokens_folder) if self.settings.access_required else None

    @cached_property
    def _discretion(self) -> Discretion:
        return Discretion(self.settings.journal_pii, self.settings.keys_folder)

    @cached_property
    def _asking(self) -> BoundedSemaphore:
        return BoundedSemaphore(max(1, self.settings.serving_threads // 2))

    @cached_property
    def _limits(self) -> Limits:
        return Limits(self.settings.serving_max_rows, self.settings.serving_max_expanded_bytes)

    @cached_property
    def shadow(self) -> Unheard:
        """Where mirrored requests go."""
        return Unheard("shadow", self.answer_unheard, self.metrics.count_unmirrored)

    @cached_property
    def rematches(self) -> Rematches:
        """Where requests are asked anew."""
        return Rematches(lambda call: self.respond([call])[0], self.metrics.count_rematch)

    def kind(self, call: Call) -> Kind | None:
        """What is known beforehand of the version that answers; None where nothing will be predicted."""
        if not self.residents.ready:
            return _AWAY
        cast, known = self.residents.current(), self._kinds
        if known.cast is not cast or len(known.by_asked) > _MOST_KINDS:  # callers make up what they ask for
            known.cast, known.by_asked = cast, {}
            known.shared = any(each.canary or each.control for each in cast.deployment.traffic.values())
        asked = call.asked
        if known.shared:  # calls that ask the same are answered by one version or another
            return self._find(cast, asked, asked.key or call.prediction_id)
        if asked not in known.by_asked:
            known.by_asked[asked] = self._find(cast, asked)
        return known.by_asked[asked]

    def _find(self, cast: Cast, asked: Asked, key: str = "") -> Kind | None:
        try:
            choice = self._choose(cast, asked, key)
            if choice.guest and choice.served.digest not in cast.loaded:
                return ELSEWHERE
            loaded = cast.version(choice.served)
        except CuelightError:
            return None
        return Kind(loaded.digest, loaded.by_row, loaded.predict_seconds, loaded.byte_seconds)

    def _choose(self, cast: Cast, asked: Asked, key: str = "") -> Choice:
        name = asked.model or default(cast.deployment, self.settings.serving_default_model)
        return choose(cast.deployment, name, asked, key, cast.repertoire)

    def pinned(self, call: Call) -> Call:
        """The call with the version that it asks for by number: whoever it is handed to need not choose again.

        Raises:
            NotFound: that version has just gone.
        """
        version = self._choose(self.residents.current(), call.asked).served.id
        asked = replace(call.asked, model=version.name, version=str(version.version), alias="", track="")
        return structs.replace(call, asked=asked)

    def call(
        self,
        asked: Asked,
        body: bytes,
        request_id: str,
        client: str,
        fault: CuelightError | None = None,
        traceparent: str = "",
        token: str = "",
        passage: Passage = DIRECT,
    ) -> Call:
        """A request that has come whole just now, with the time that it has from now on.

        Of a caller whose `token` does not allow it nothing is kept.
        """
        caller = ""
        if self.guard:
            try:
                known = self.guard.identify(token)
                caller = known.subject
                asked = self._allowed(known.grant, asked)
            except CuelightError as denied:
                fault, body = denied, b""
        try:
            seconds = patience(asked.timeout_ms, self.settings.serving_timeout_seconds)
        except CuelightError as unreadable:
            fault, seconds = fault or unreadable, self.settings.serving_timeout_seconds
        now = time.monotonic()
        deadline = now + seconds
        who = request_id, passage.client or client, caller
        return Call(asked, body, *who, fault, now, deadline, traceparent=traceparent, passage=passage)

    def _allowed(self, grant: Grant, asked: Asked) -> Asked:
        """What is asked, its model by name: what is allowed is what will be answered.

        Raises:
            Forbidden: it is not allowed.
            NotFound, Unavailable: which model is asked for can't be told, so nor can whether it is allowed.
        """
        if not asked.model:
            grant.check(Scope.SCORE)
            deployment = self.residents.current().deployment
            asked = replace(asked, model=default(deployment, self.settings.serving_default_model))
        grant.check(Scope.SCORE, asked.model)
        return asked

    def denial(self, token: str, asked: Asked) -> CuelightError | None:
        """Why a scoring request is refused whatever its body is; None: it may come."""
        if self.guard:
            try:
                self._allowed(self.guard.identify(token).grant, asked)
            except CuelightError as denied:
                return denied
        return None

    def answer(self, calls: Sequence[Call]) -> list[Outcome]:
        """Answer calls together; all are journalled, by one write, and counted before the first answer leaves."""
        outcomes = self.respond(calls)
        self.record(outcomes)
        return outcomes

    def elsewhere(self, call: Call) -> Answer | None:
        """What the annex answers, for a caller who has a thread to wait in; None: this process is to answer.

        Half of the threads may wait so, and the others are for what is quick.
        """
        with contextlib.suppress(CuelightError):
            cast = self.residents.current()
            if not call.fault and self._find(cast, call.asked, call.asked.key or call.prediction_id) is ELSEWHERE:
                return self._ask(call)
        return None

    def _ask(self, call: Call) -> Answer:
        try:
            if not self._asking.acquire(blocking=False):
                raise Unavailable("Too many requests wait for versions that are on no track: try again.")
            try:
                return self.door.ask(self.pinned(call))
            finally:
                self._asking.release()
        except CuelightError as fault:
            return self.answer([structs.replace(call, fault=fault, prediction_id=new_id())])[0].answer

    def follow_up(self, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        """The answers have left: end their traces, ask the shadow, and anew what two versions are held against."""
        if self.traces:
            self.traces.end(outcomes)
        self._mirror(calls, outcomes)

    def close(self) -> None:
        """Nothing will be answered any more."""
        self.metrics.hand_over()
        if self.traces:
            self.traces.close()

    def _mirror(self, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        """Ask the shadow what Staging would have said, and anew where two versions are held against each other."""
        with contextlib.suppress(CuelightError):
            deployment = self.residents.current().deployment
            traffic = deployment.traffic
            if traffic:
                pairs = zip(calls, outcomes, strict=True)
                twins = [mirrored(call, outcome, traffic.get(outcome.record.model)) for call, outcome in pairs]
                if asked := [each for each in twins if each]:
                    self.shadow.offer(asked)
            if deployment.watched:
                self.rematches.offer(calls, outcomes, deployment)

    def answer_unheard(self, calls: Sequence[Call]) -> None:
        """Answer mirrored calls for the journal and the metrics; one whose version has gone meanwhile is forgotten."""
        self.record([each for each in self.respond(calls) if each.record.version])

    def respond(self, calls: Sequence[Call]) -> list[Outcome]:
        """Answer calls together, without record."""
        begin_trace = self.traces.begin if self.traces else None
        default_model = self.settings.serving_default_model
        return respond(self.residents.current, calls, self._limits, default_model, begin_trace)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Journal and count answers that are about to leave."""
        if self.settings.journal_record and not self._write(outcomes):
            self.metrics.count_dropped(len(outcomes))
        self.metrics.count(outcomes)

    def _write(self, outcomes: Sequence[Outcome]) -> bool:
        """Write what was asked and answered, each version's signature first; False where the disk did not take it."""
        for outcome in outcomes:
            loaded = outcome.loaded
            if loaded is not None and loaded.digest not in self._declared:
                record = outcome.record
                self.journal.declare(Schema(record.model, record.version, record.digest, loaded.signature_json))
                self._declared.add(loaded.digest)
        return self.journal.append(*map(self._record, outcomes))

    def _record(self, outcome: Outcome) -> Prediction:
        return outcome.record if outcome.personal is None else self._discretion.record(outcome.record, outcome.personal)
