"""One call on its way to an answer: who answers it, its rows, what the model said, and what is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct

from cuelight.journal.record import SHADOW, Prediction
from cuelight.kit.errors import BadInput, CuelightError, DeadlineExceeded, Denied, ModelFault
from cuelight.kit.log import Log
from cuelight.protocol.answer import Written, write
from cuelight.protocol.compression import expand
from cuelight.protocol.encode import error
from cuelight.protocol.fit import Limits
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


class Attempt(Struct):
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
        record = self._record(status, written, probabilities, message)
        if self.trace:
            self.trace.note(self.queued, self.seconds, self.work)
        personal = None if self.personal is None else Personal(self.personal, self.rows, self.parameters, quotes)
        answer = Answer(status, written.body, self._headers(written, more))
        return Outcome(answer, record, self.loaded, self.work, self.invalid, personal, self.trace)

    def _headers(self, written: Written, more: Mapping[str, str] | None) -> dict[str, str]:
        headers = {
            "Content-Type": written.media_type,
            "X-Prediction-Id": self.prediction_id,
            "X-Request-Id": self.call.request_id,
        }
        if written.header_length:
            headers["Inference-Header-Content-Length"] = str(written.header_length)
        if more:
            headers |= more
        if choice := self.choice:
            headers["X-Model-Name"] = header_text(self.model)
            headers["X-Model-Version"] = str(choice.served.id.version)
            headers["X-Model-Track"] = choice.track
            headers["X-Cuelight-Generation"] = str(self.generation)
        return headers

    def _record(self, status: int, written: Written, probabilities: dict[str, Any] | None, message: str) -> Prediction:
        call, choice = self.call, self.choice
        seconds = time.monotonic() - call.arrived
        version, digest, track, arm = 0, "", "", ""
        if choice:
            version, digest, track, arm = choice.served.id.version, choice.served.digest, choice.track, choice.arm
        return Prediction(
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


@lru_cache(maxsize=256)
def header_text(text: str) -> str:
    """A name as a header can carry it: percent-encoded where it is not plain ASCII."""
    return quote(text, safe=" !#$&'()*+,-.:;<=>?@[]^_`{|}~")
