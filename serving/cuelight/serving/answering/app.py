"""The Flask app of the scoring server: URLs in, `scoring.respond` behind them, one error shape out."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from importlib import metadata

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cuelight.access.credentials import sent
from cuelight.access.exposure import is_loopback
from cuelight.access.guard import Guard
from cuelight.access.permissions import EVERYTHING, Grant, Scope
from cuelight.kit.errors import BadInput, CuelightError, NotFound, TooLarge, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.kit.settings import FIRST_REPLICA
from cuelight.protocol.encode import error as error_body
from cuelight.protocol.media import JSON
from cuelight.protocol.passage import passage
from cuelight.serving.answering import catalog, inference
from cuelight.serving.answering.call import LONGEST_ID, asked, protocol_of
from cuelight.serving.answering.description import Descriptions
from cuelight.serving.answering.faults import LARGE_BODY, code_of, headers_of, status_of
from cuelight.serving.answering.feedback import read_labels
from cuelight.serving.answering.parts import Parts
from cuelight.serving.answering.shelf import Shelf
from cuelight.serving.host.board import Board
from cuelight.serving.host.company import Company
from cuelight.serving.host.places import Places
from cuelight.serving.rollouts.walks import progress
from cuelight.serving.versions.store import ModelStore

_EVERYBODYS = ("ping", "health", "livez", "readyz", "version", *inference.EVERYBODYS)
_SCOPES = {"feedback": Scope.FEEDBACK, "metrics": Scope.METRICS}  # all else takes a token of whatever scope
_CHUNK, _MOST_DISCARDED = 1 << 16, 1 << 28
_log = Log("serving.app")


def create_app(parts: Parts) -> Flask:
    """The app of one worker."""
    app = Flask("cuelight.serving")
    app.extensions["cuelight"] = parts  # where the worker finds them
    app.url_map.merge_slashes = False  # `//` is a URL that isn't there, not one to redirect to
    app.config["MAX_CONTENT_LENGTH"] = parts.settings.serving_max_body_bytes
    app.before_request(_take_body)
    app.before_request(lambda: _let_in(parts.guard))
    _add_scoring(app, parts)
    _add_feedback(app, parts)
    shelf = Shelf(parts.settings.serving_folder)
    _add_catalog(app, parts, shelf)
    inference.add_routes(app, parts.residents, shelf, _grant)
    _add_health(app, parts)
    app.register_error_handler(HTTPException, _http_fault)
    app.register_error_handler(CuelightError, _fault)
    app.register_error_handler(Exception, _unforeseen)
    return app


def _add_scoring(app: Flask, parts: Parts) -> None:
    def score(name: str = "", **where: str | int) -> Response:
        place, which = next(iter(where.items()), ("", ""))
        protocol = protocol_of(request.path)
        call = parts.call(
            asked(name, place, str(which), lambda header: request.headers.get(header, ""), protocol),
            b"" if g.get("fault") else request.get_data(),
            request_id(),
            request.remote_addr or "",
            g.get("fault"),
            request.headers.get("traceparent", ""),
            _token(),
            passage(lambda header: request.headers.get(header, "")),
        )
        if elsewhere := parts.elsewhere(call):
            return Response(elsewhere.body, elsewhere.status, elsewhere.headers)
        outcome = parts.answer([call])[0]
        answer = outcome.answer
        response = Response(answer.body, answer.status, answer.headers)
        response.call_on_close(lambda: parts.follow_up([call], [outcome]))
        return response

    for rule in (
        "/invocations",
        "/models/<name>/invocations",
        "/models/<name>/stages/<stages>/invocations",
        "/models/<name>/aliases/<aliases>/invocations",
        "/models/<name>/versions/<int:versions>/invocations",
        "/v2/models/<name>/infer",
        "/v2/models/<name>/versions/<int:versions>/infer",
    ):
        app.add_url_rule(rule, "score", score, methods=["POST"])


def _add_feedback(app: Flask, parts: Parts) -> None:
    def feedback(name: str) -> Response:
        cast = parts.residents.current()
        if name not in cast.names:
            raise NotFound(f"Model {name!r} is not served.")
        labels = read_labels(name, request.get_data(), cast.repertoire.key(name))
        if not parts.journal.append(*labels):
            raise Unavailable("The journal can't take labels now (is the disk full?). Send them again later.", 30)
        parts.metrics.count_labels(name, len(labels))
        return _json(b'{"accepted":%d}' % len(labels), 202)

    app.add_url_rule("/models/<name>/feedback", "feedback", feedback, methods=["POST"])


def _add_catalog(app: Flask, parts: Parts, shelf: Shelf) -> None:
    rollouts = Company(parts.settings).rollouts

    def models() -> Response:
        return _json(catalog.models(parts.residents.current(), progress(rollouts), shelf.guests(), _grant()))

    def model(name: str) -> Response:
        cast = parts.residents.current()
        return _json(catalog.model(cast, name, progress(rollouts), shelf.guests()))

    described = Descriptions(ModelStore(Places(parts.settings.serving_folder).store), parts.guard is not None)

    def openapi() -> Response:
        return _json(described.all(parts.residents.current(), _grant()))

    def openapi_of(name: str) -> Response:
        return _json(described.of(parts.residents.current(), name))

    app.add_url_rule("/models", "models", models)
    app.add_url_rule("/models/<name>", "model", model)
    app.add_url_rule("/openapi.json", "openapi", openapi)
    app.add_url_rule("/models/<name>/openapi.json", "openapi-of", openapi_of)


def _add_health(app: Flask, parts: Parts) -> None:
    places = Places(parts.settings.serving_folder)
    board, leaving = Board(places.board), places.leaving
    further = parts.settings.serving_replica not in ("", FIRST_REPLICA)
    several = further or not is_loopback(parts.settings.serving_host)  # other machines' gateways have other hosts
    shared = bool(parts.settings.database_url)

    def alive() -> Response:
        return Response("\n", 200, content_type=JSON)

    def ready() -> Response:
        if leaving.exists():
            raise Unavailable("This host is about to be stopped.")
        cast = catalog.complete(parts.residents)
        if several and not board.settled:
            raise Unavailable("This replica has just come: it does not serve yet what the others do.")
        if shared and not board.caught_up(time.time(), parts.settings.hosts_catch_up_seconds):
            raise Unavailable("This host has just started: it does not know yet what the others serve by now.")
        return _json(catalog.readiness(cast))

    def version() -> Response:
        return Response(metadata.version("cuelight"), 200, content_type="text/plain")

    def metrics() -> Response:
        return Response(parts.metrics.page(), 200, content_type="text/plain; version=0.0.4; charset=utf-8")

    views: tuple[tuple[str, Callable[[], Response]], ...] = (
        ("/ping", alive),
        ("/health", alive),
        ("/livez", alive),
        ("/readyz", ready),
        ("/version", version),
        ("/metrics", metrics),
    )
    for path, view in views:
        app.add_url_rule(path, path.strip("/"), view)


def _let_in(guard: Guard | None) -> None:
    """Ask for a token, but for pages that are everybody's, and for scoring: it does so itself, for its record."""
    if guard and request.endpoint and request.endpoint not in ("score", *_EVERYBODYS):
        model = (request.view_args or {}).get("name", "")
        g.grant = guard.check(_token(), _SCOPES.get(request.endpoint), model).grant


def _grant() -> Grant:
    """What the one who asks may see."""
    grant: Grant = g.get("grant", EVERYTHING)
    return grant


def _token() -> str:
    return sent(request.headers.get("Authorization", ""), request.headers.get("Cookie", ""))


def _take_body() -> None:
    """Read the whole body before anything is answered.

    gunicorn 26 hangs where an answer leaves before the body has come: it then reads the next request with the
    body's rest, and waits for it on the socket (tests/integration/test_bad_input.py).
    """
    try:
        body = request.get_data(cache=True)
        if len(body) == request.max_content_length and request.environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge  # werkzeug cuts a body that has no length
    except RequestEntityTooLarge:
        _discard_body()
        if request.endpoint != "score":
            raise
        g.fault = TooLarge(LARGE_BODY)  # for the model's record as well
    else:
        if len(body) < (request.content_length or 0):  # to gunicorn and werkzeug this is a body like any other
            g.fault = BadInput("The body ended before its Content-Length.")
            if request.endpoint != "score":
                raise g.fault


def _discard_body() -> None:
    stream, left = request.environ["wsgi.input"], _MOST_DISCARDED
    while left > 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
    if left <= 0 and "gunicorn.socket" in request.environ:
        request.environ["gunicorn.socket"].shutdown(socket.SHUT_RD)  # the caller may read our answer, and no more


def request_id() -> str:
    """The caller's request id where it is short and printable, else one of ours; one per request."""
    given = request.headers.get("X-Request-Id", "")
    if given and len(given) <= LONGEST_ID and given.isascii() and given.isprintable():
        return given
    made = request.environ.setdefault("cuelight.request_id", new_id())
    return str(made)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, {"X-Request-Id": request_id()}, content_type=JSON)


def _fault(fault: CuelightError) -> Response:
    response = _error(fault.code, str(fault), status_of(fault))
    response.headers.update(headers_of(fault))
    return response


def _http_fault(fault: HTTPException) -> Response:
    status = fault.code or 500
    hints = {
        404: "There is nothing at this URL. GET /models lists what is served; score at POST /models/NAME/invocations.",
        405: "This URL does not take that method. Score with POST.",
        413: LARGE_BODY,
    }
    response = _error(code_of(status), hints.get(status, fault.description or ""), status)
    allowed = getattr(fault, "valid_methods", None)
    if status == 405 and allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unforeseen(fault: Exception) -> Response:
    _log.fault("unforeseen", fault, request_id=request_id())
    message = f"Something failed here that should not. It is in the server's log under request id {request_id()}."
    return _error(CuelightError.code, message, 500)


def _error(code: str, message: str, status: int) -> Response:
    return _json(error_body(code, message, request_id(), protocol_of(request.path)), status)
