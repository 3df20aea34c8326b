"""What a scoring request means: which version answers, what it answers, what is recorded. Free of I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cuelight.journal.record import CHAMPION, PINNED, Prediction
from cuelight.kit.errors import CuelightError, ModelFault, NotFound, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.protocol.decode import decode
from cuelight.protocol.encode import encode, error
from cuelight.registry.model import Track
from cuelight.serving.deployment import Deployment, Served
from cuelight.serving.faults import status_of
from cuelight.serving.loader import LoadedVersion, Output
from cuelight.serving.residents import Cast

JSON = "application/json"
_LOG = Log("serving.scoring")


@dataclass(frozen=True)
class Call:
    """One scoring request; of track, alias and version at most one is given, none means Production."""

    model: str
    media_type: str
    body: bytes
    track: str = ""
    alias: str = ""
    version: int | None = None
    request_id: str = ""
    client: str = ""
    caller: str = ""


@dataclass(frozen=True)
class Choice:
    """Who answers a call, on which track and by which arm."""

    served: Served
    track: str
    arm: str


@dataclass(frozen=True)
class Answer:
    """What goes back over the wire."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """An answer, its record, and the version's signature where it got as far as one."""

    answer: Answer
    record: Prediction
    loaded: LoadedVersion | None = None


def respond(current: Callable[[], Cast], call: Call, max_rows: int, default_model: str = "") -> Outcome:
    """Answer one call by the generation that is committed now; every fault is an answer too."""
    began = time.perf_counter()
    attempt = _Attempt(call)
    try:
        cast = current()
        attempt.generation = cast.deployment.generation
        name = call.model or default(cast.deployment, default_model)
        attempt.model = name if name in cast.deployment.models() else ""
        attempt.choice = choose(cast.deployment, name, call)
        attempt.loaded = cast.version(attempt.choice.served)
        request = decode(call.media_type, call.body, attempt.loaded.signature, max_rows)
        attempt.rows = request.rows.count
        output = _predict(attempt.loaded, request.rows, request.parameters, call.request_id)
        attempt.probabilities = output.probabilities
        return attempt.outcome(200, encode(output.values), began)
    except CuelightError as caught:
        fault = caught
    except Exception as unforeseen:  # noqa: BLE001  whatever it is, it is answered and recorded
        _LOG.exception("unforeseen", unforeseen)
        fault = CuelightError(
            f"Something failed here that should not. It is in the server's log under request id {call.request_id}."
        )
    body = error(fault.code, str(fault), call.request_id)
    return attempt.outcome(status_of(fault), body, began, fault)


@dataclass
class _Attempt:
    """What is known of a call so far; `model` stays empty for one that is not served: callers can't invent models."""

    call: Call
    arrived: float = field(default_factory=time.time)
    model: str = ""
    generation: int = 0
    rows: int = 0
    choice: Choice | None = None
    loaded: LoadedVersion | None = None
    probabilities: dict[str, Any] | None = None

    def outcome(self, status: int, body: bytes, began: float, fault: CuelightError | None = None) -> Outcome:
        call, choice = self.call, self.choice
        prediction_id = new_id()
        headers = {"Content-Type": JSON, "X-Prediction-Id": prediction_id, "X-Request-Id": call.request_id}
        if choice:
            headers |= {
                "X-Model-Name": header_text(self.model),
                "X-Model-Version": str(choice.served.id.version),
                "X-Model-Track": choice.track,
                "X-Cuelight-Generation": str(self.generation),
            }
        if isinstance(fault, Unavailable):
            headers["Retry-After"] = str(max(1, round(fault.retry_after)))
        record = Prediction(
            time=self.arrived,
            prediction_id=prediction_id,
            request_id=call.request_id,
            client=call.client,
            caller=call.caller,
            model=self.model,
            version=choice.served.id.version if choice else 0,
            digest=choice.served.digest if choice else "",
            track=choice.track if choice else "",
            arm=choice.arm if choice else "",
            generation=self.generation,
            status=status,
            latency_ms=1000 * (time.perf_counter() - began),
            rows=self.rows,
            media_type=call.media_type,
            request=call.body,
            response=body,
            error=str(fault) if fault else "",
            probabilities=self.probabilities,
        )
        return Outcome(Answer(status, body, headers), record, self.loaded)


def header_text(text: str) -> str:
    """A name as a header can carry it: percent-encoded where it is not plain ASCII."""
    from urllib.parse import quote

    return quote(text, safe=" !#$&'()*+,-.:;<=>?@[]^_`{|}~")


def default(deployment: Deployment, configured: str) -> str:
    """The model behind plain `/invocations`.

    Raises:
        NotFound: none is configured, and there is not exactly one.
    """
    models = deployment.models()
    if configured:
        return configured
    if len(models) == 1:
        return models[0]
    raise NotFound(f"Name a model in the URL: /models/NAME/invocations. {_names(deployment)}")


def choose(deployment: Deployment, model: str, call: Call) -> Choice:
    """Which of a model's versions answers.

    Raises:
        NotFound: no such model, track, alias or version is served; the message names what is.
    """
    tracks = {track: each for (name, track), each in deployment.tracks.items() if name == model}
    if not tracks:
        raise NotFound(f"Model {model!r} is not served. {_names(deployment)}")
    if call.alias:
        return _by_alias(deployment, model, call.alias, tracks)
    if call.version is not None:
        return _by_version(deployment, model, call.version, tracks)
    wanted = _track(call.track)
    if wanted not in tracks:
        raise NotFound(f"Model {model!r} has no version in {wanted}. Served: {_offer(tracks)}.")
    return Choice(tracks[wanted], wanted.value, CHAMPION if wanted == Track.PRODUCTION else PINNED)


def _track(text: str) -> Track:
    for track in Track:
        if not text or text.lower() == track.value.lower():
            return track
    raise NotFound(f"There is no track {text!r}: ask for {' or '.join(Track)}.")


def _by_alias(deployment: Deployment, model: str, alias: str, tracks: dict[Track, Served]) -> Choice:
    aliases = deployment.aliases.get(model, {})
    if alias not in aliases:
        known = f"Its aliases: {', '.join(sorted(aliases))}." if aliases else "It has none."
        raise NotFound(f"Model {model!r} has no alias {alias!r}. {known}")
    return _by_version(deployment, model, aliases[alias], tracks)


def _by_version(deployment: Deployment, model: str, version: int, tracks: dict[Track, Served]) -> Choice:
    for track, served in tracks.items():
        if served.id.version == version:
            return Choice(served, track.value, PINNED)
    for each in deployment.standby:
        if each.served.id.name == model and each.served.id.version == version:
            return Choice(each.served, "", PINNED)
    raise NotFound(f"Version {version} of {model!r} is not loaded. Served: {_offer(tracks)}.")


def _offer(tracks: dict[Track, Served]) -> str:
    return ", ".join(f"version {each.id.version} in {track}" for track, each in sorted(tracks.items()))


def _names(deployment: Deployment) -> str:
    models = deployment.models()
    if not models:
        return "No model is served yet: put a version into Production or Staging in MLflow."
    more = f" and {len(models) - 20} more" if len(models) > 20 else ""
    return f"Served models: {', '.join(models[:20])}{more}."


def _predict(loaded: LoadedVersion, rows: Any, parameters: Any, request_id: str) -> Output:
    try:
        return loaded.predict(rows, parameters)
    except CuelightError:
        raise
    except Exception as fault:  # noqa: BLE001  a model may raise anything; its message may hold the caller's values
        _LOG.exception("model-fault", fault)
        raise ModelFault(
            f"The model failed on this input ({type(fault).__name__}). Ask its owner, with request id {request_id}."
        ) from None
