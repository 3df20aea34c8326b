"""The board's Flask app: its pages, and how faults are told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from cuelight.access.guard import Guard
from cuelight.kit.clock import utc
from cuelight.kit.errors import (
    BadInput,
    CuelightError,
    Forbidden,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from cuelight.monitoring.board import words
from cuelight.monitoring.board.api import add_api
from cuelight.monitoring.board.login import add_gate, add_login
from cuelight.monitoring.board.model.routes import add_model_page
from cuelight.monitoring.board.moves.routes import add_moves
from cuelight.monitoring.board.overview.routes import add_overview
from cuelight.monitoring.board.overview.sources import OverviewSources
from cuelight.monitoring.board.sources import Sources
from cuelight.monitoring.board.stores import Backstage, Stores
from cuelight.monitoring.board.visitors import ANYBODY

_PAGES = ("/", "/board/")  # for people: a fault is a page, and who is unknown is led to the login
_LONGEST_FORM = 16 << 10
_STATUS = (
    (BadInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Refused, 409),
    (Unavailable, 503),
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Links:
    """Where the board leads: MLflow's pages (ending in /), and metrics; texts by address, in their order."""

    registry: str
    others: tuple[tuple[str, str], ...] = ()


def create_app(sources: Sources, guard: Guard | None, links: Links, backstage: Backstage) -> Flask:
    """The app; without a `guard` everybody who gets to it may see and do everything."""
    app = Flask(__name__, template_folder="html-templates", static_folder="static-files", static_url_path="/static")
    app.url_map.merge_slashes = False  # the gate is asked about paths as they are
    app.config["MAX_CONTENT_LENGTH"] = _LONGEST_FORM
    app.jinja_env.filters.update(moment=utc, breakable=words.breakable)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"links": links, "visitor": ANYBODY, "now": time.time()})
    stores = Stores(sources.settings, backstage)
    add_overview(app, sources, OverviewSources(stores), guard, links.registry)
    add_model_page(app, stores, guard, sources, links.registry)
    add_moves(app, stores, guard, sources.seen)
    add_api(app, guard, sources.seen)
    if guard:
        add_login(app, guard)
        add_gate(app, guard)
    app.add_url_rule("/healthz", "healthz", lambda: {"ready": True})
    app.register_error_handler(CuelightError, _fault)
    app.register_error_handler(HTTPException, _http_fault)
    app.after_request(_with_headers)
    return app


def _fault(fault: CuelightError) -> Answer | tuple[str, int]:
    status = next((status for kind, status in _STATUS if isinstance(fault, kind)), 500)
    if not _is_page():
        return _error(fault.code, str(fault), status)
    if status == 401:
        back = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(url_for("login") if back == "/" else f"{url_for('login')}?next={quote(back)}")
    return render_template("fault.html", message=str(fault)), status


def _http_fault(fault: HTTPException) -> Answer | tuple[str, int]:
    if fault.code is None or fault.code < 400:
        return fault.get_response()  # a redirect
    message = fault.description or fault.name
    if _is_page():
        return render_template("fault.html", message=message), fault.code
    return _error(fault.name.upper().replace(" ", "_"), message, fault.code)


def _is_page() -> bool:
    return request.path == _PAGES[0] or request.path.startswith(_PAGES[1])


def _error(code: str, message: str, status: int) -> Response:
    answer = jsonify({"error_code": code, "message": message})
    answer.status_code = status
    return answer


def _with_headers(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer
