"""What a scoring request means: which version answers, what it answers, what is recorded. Free of I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from msgspec import Struct

from cuelight.journal.record import SHADOW, Prediction
from cuelight.kit.errors import BadInput, CuelightError, DeadlineExceeded, Denied, ModelFault
from cuelight.kit.log import Log
from cuelight.protocol.answer import Written, write
from cuelight.protocol.compression import expand
from cuelight.protocol.encode import error
from cuelight.protocol.fit import USUAL, Limits
from cuelight.protocol.rows import Rows
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.choice import Choice, choose, default
from cuelight.serving.answering.faults import LATE, headers_of, status_of
from cuelight.serving.answering.outcome import NO_ROWS, Answer, Outcome, Personal, Work
from cuelight.serving.answering.residents import Cast
from cuelight.serving.answering.validity import is_valid
from cuelight.serving.versions.loader import LoadedVersion, Output

if TYPE_CHECKING:
    from cuelight.protocol.inference import Wanted
    from cuelight.serving.answering.traces import Trace

_LOG = Log("serving.scoring")


def respond(
    current: Callable[[], Cast],
    calls: Sequence[Call],
    limits: Limits = USUAL,
    default_model: str = "",
    begin_trace: Callable[[Call], Trace | None] | None = None,
) -> list[Outcome]:
    """Answer calls by the generation that is committed now; every fault is an answer too.

    Calls for one version are predicted together. Rows are decoded and checked before they join, and where the
    joined rows make the model fail, each call is predicted alone: one caller's bad row fails that caller alone.
    What is past its deadline is not begun.
    """
    attempts = [_Attempt(call, call.mirrors or call.prediction_id) for call in calls]
    if begin_trace:
        for attempt in attempts:
            attempt.trace = begin_trace(attempt.call)
    try:
        cast = current()
    except CuelightError as fault:
        return [attempt.failed(fault) for attempt in attempts]
    groups: dict[Any, list[_Attempt]] = {}
    for attempt in attempts:
        if attempt.survives(attempt.begin, cast, limits, default_model):
            groups.setdefault(attempt.group(), []).append(attempt)
    for group in groups.values():
        _predict_in_time(group)
    return [attempt.outcome or attempt.failed(ModelFault("Not predicted.")) for attempt in attempts]


def _predict_in_time(group: Sequence[_Attempt]) -> None:
    began = time.monotonic()
    due = [attempt for attempt in group if attempt.survives(attempt.check_deadline, began)]
    if not due:
        return
    if due[0].trace:  # the model works in the name of one whose trace somebody sees
        due.sort(key=lambda each: each.trace is None or not each.trace.sampled)
    first = due[0]
    assert first.loaded is not None
    size, seconds = sum(len(each.call.body) for each in due), sum(each.seconds for each in due)
    packed = first.body is not None
    work = Work(first.loaded.digest, size, seconds, 1, packed, len(due), first.queued, decoding=seconds)
    for attempt in due:
        attempt.work = work
    work.predicts = _predict_together(due)
    work.seconds += time.monotonic() - began


def _predict_together(group: Sequence[_Attempt]) -> int:
    """Answers with how often the model was asked."""
    if len(group) > 1:
        try:
            first = group[0]
            output = first.predict(Rows.joined([each.rows for each in group]))
            parts = _shares(output, [each.rows.count for each in group])
        except Exception:  # noqa: BLE001  whose row it was shows when each is predicted alone
            parts = None
        if parts is not None:
            for attempt, part in zip(group, parts, strict=True):
                attempt.survives(attempt.finish, part)
            return 1
    for attempt in group:
        attempt.survives(attempt.answer_alone)
    return len(group)


def _shares(output: Output, counts: Sequence[int]) -> list[Output] | None:
    """Each call's part of a joined output; None if it has not one prediction a row."""
    values = output.values
    table = hasattr(values, "iloc")
    if not (table or isinstance(values, np.ndarray | list)) or len(values) != sum(counts):
        return None
    values = values.iloc if table else values
    shares, start = [], 0
    for count in counts:
        stop = start + count
        known = output.probabilities
        part = {"classes": known["classes"], "values": known["values"][start:stop]} if known else None
        shares.append(Output(values[start:stop], part))
        start = stop
    return shares


class _Attempt(Struct):
    """What is known of a call so far; `model` stays empty for one that is not served: callers can't invent models."""

    call: Call
    prediction_id: str = ""
    model: str = ""
    generation: int = 0
    rows: Rows = NO_ROWS
    parameters: Mapping[str, Any] = {}
    choice: Choice | None = None
    loaded: LoadedVersion | None = None
    outcome: Outcome | None = None
    work: Work | None = None
    queued: float = 0.0
    seconds: float = 0.0
    body: bytes | None = None  # where it came compressed: what it was before
    wanted: Wanted | None = None
    watched: bool = False
    invalid: bool = False
    personal: tuple[str, ...] | None = ()  # until it is known who is asked
    trace: Trace | None = None

    def survives(self, step: Callable[..., None], *arguments: Any) -> bool:
        """Do a step; whatever it raises becomes this call's answer, and False."""
        try:
            step(*arguments)
        except CuelightError as fault:
            self.outcome = self.failed(fault)
        except Exception as unforeseen:  # noqa: BLE001  whatever it is, it is answered and recorded
            _LOG.fault("unforeseen", unforeseen, **self._ids())
            where = f"It is in the server's log under request id {self.call.request_id}."
            self.outcome = self.failed(CuelightError(f"Something failed here that should not. {where}"))
        return self.outcome is None or self.outcome.answer.status == 200

    def begin(self, cast: Cast, limits: Limits, default_model: str) -> None:
        """Find out who answers, and decode the rows."""
        call, began = self.call, time.monotonic()
        self.queued = began - call.arrived
        self.generation = cast.deployment.generation
        if isinstance(call.fault, Denied):  # whoever may not ask learns nothing of what there is
            raise call.fault
        self.personal = cast.personal(call.asked.model)
        name = call.asked.model or default(cast.deployment, default_model)
        self.model = name if name in cast.names else ""
        if not call.asked.model:
            self.personal = cast.personal(name)
        self.watched = name in cast.deployment.watched
        key = call.asked.key or self.prediction_id
        self.choice = choose(cast.deployment, name, call.asked, key, cast.repertoire)
        if call.mirrors:
            self.choice = Choice(self.choice.served, self.choice.track, SHADOW)
        if call.fault:
            raise call.fault
        self.check_deadline(began)
        self.loaded = cast.version(self.choice.served)
        asked = call.asked
        if asked.encoding:
            self.body = expand(call.body, asked.encoding, limits.size)
        request = self.loaded.decoder.decode(
            asked.media_type,
            call.body if self.body is None else self.body,
            limits,
            asked.protocol,
            asked.header_length,
        )
        self.rows, self.parameters, self.wanted = request.rows, request.parameters, request.wanted
        self.seconds = time.monotonic() - began

    def check_deadline(self, now: float) -> None:
        """Go on only for a caller who still waits.

        Raises:
            DeadlineExceeded: nobody does.
        """
        if now > self.call.deadline:
            raise DeadlineExceeded(LATE)

    def group(self) -> Any:
        """Equal for calls that may be predicted together: same version, parameters and columns, one row each apart."""
        assert self.loaded is not None
        given = self.parameters
        if not self.loaded.by_row or not all(isinstance(each, str) for each in given.values()):
            return id(self)
        return self.loaded.digest, self.rows.names, tuple(sorted(given.items()))

    def predict(self, rows: Rows) -> Output:
        """What the model answers.

        Raises:
            ModelFault: it raised; its message may hold the caller's values and stays here.
        """
        assert self.loaded is not None
        assert self.work is not None
        began = time.monotonic()
        try:
            if self.trace is None:
                return self.loaded.predict(rows, self.parameters)
            self.work.trace = self.trace
            with self.trace.predicting():
                return self.loaded.predict(rows, self.parameters)
        except CuelightError:
            raise
        except Exception as fault:  # noqa: BLE001  a model may raise anything
            _LOG.fault("model-fault", fault, **self._ids(), model=self.model)
            raise ModelFault(
                f"The model failed on this input ({type(fault).__name__}). "
                f"Ask its owner, with request id {self.call.request_id}."
            ) from None
        finally:
            self.work.predicting += time.monotonic() - began

    def answer_alone(self) -> None:
        """Predict this call's rows, and nobody else's."""
        self.finish(self.predict(self.rows))

    def finish(self, output: Output) -> None:
        """The model has answered; too late is no answer."""
        self.check_deadline(time.monotonic())
        try:
            assert self.loaded is not None
            assert self.choice is not None
            version = self.choice.served.id.version
            accept = self.call.asked.accept
            written = write(output.values, self.loaded.signature, accept, self.wanted, self.model, version)
        except (TypeError, ValueError) as fault:
            _LOG.fault("encode-fault", fault, **self._ids())
            raise ModelFault(f"The model's answer can't be written as JSON ({type(fault).__name__}).") from None
        self.invalid = self.watched and not is_valid(output.values)
        self.outcome = self._outcome(200, written, output.probabilities)

    def _ids(self) -> dict[str, str]:
        """What finds the request again, for log lines."""
        return {"request_id": self.call.request_id, **({"trace_id": self.trace.id} if self.trace else {})}

    def failed(self, fault: CuelightError) -> Outcome:
        """The answer for a fault."""
        body = error(fault.code, str(fault), self.call.request_id, self.call.asked.protocol)
        more, quotes = headers_of(fault), isinstance(fault, BadInput)
        return self._outcome(status_of(fault), Written(body), None, str(fault), more, quotes)

    def _outcome(
        self,
        status: int,
        written: Written,
        probabilities: dict[str, Any] | None,
        message: str = "",
        more: Mapping[str, str] | None = None,
        quotes: bool = False,
    ) -> Outcome:
        call, choice = self.call, self.choice
        seconds = time.monotonic() - call.arrived
        headers = {
            "Content-Type": written.media_type,
            "X-Prediction-Id": self.prediction_id,
            "X-Request-Id": call.request_id,
        }
        if written.header_length:
            headers["Inference-Header-Content-Length"] = str(written.header_length)
        if more:
            headers |= more
        version, digest, track, arm = 0, "", "", ""
        if choice:
            version, digest, track, arm = choice.served.id.version, choice.served.digest, choice.track, choice.arm
            headers["X-Model-Name"] = header_text(self.model)
            headers["X-Model-Version"] = str(version)
            headers["X-Model-Track"] = track
            headers["X-Cuelight-Generation"] = str(self.generation)
        record = Prediction(
            time=time.time() - seconds,
            prediction_id=self.prediction_id,
            request_id=call.request_id,
            client=call.client,
            caller=call.caller,
            model=self.model,
            version=version,
            digest=digest,
            track=track,
            arm=arm,
            generation=self.generation,
            status=status,
            latency_ms=1000 * seconds,
            rows=self.rows.count,
            media_type=call.asked.media_type,
            request=call.body if self.body is None else self.body,
            response=written.body,
            error=message,
            probabilities=probabilities,
            protocol=call.asked.protocol,
            header_length=call.asked.header_length,
            response_type=written.media_type,
            response_header_length=written.header_length,
            trace_id=self.trace.id if self.trace else "",
            gateway_request=call.passage.request,
            attempt=call.passage.attempt,
        )
        if self.trace:
            self.trace.note(self.queued, self.seconds, self.work)
        personal = None if self.personal is None else Personal(self.personal, self.rows, self.parameters, quotes)
        answer = Answer(status, written.body, headers)
        return Outcome(answer, record, self.loaded, self.work, self.invalid, personal, self.trace)


@lru_cache(maxsize=256)
def header_text(text: str) -> str:
    """A name as a header can carry it: percent-encoded where it is not plain ASCII."""
    return quote(text, safe=" !#$&'()*+,-.:;<=>?@[]^_`{|}~")
