"""The board's Flask app: the page, the login, and the gate that the gateway asks before MLflow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from cuelight.access.credentials import COOKIE, sent
from cuelight.access.guard import Guard
from cuelight.access.permissions import EVERYTHING, Grant, Scope
from cuelight.access.tokens import Token
from cuelight.kit.clock import utc
from cuelight.kit.errors import CuelightError, Forbidden, Unauthenticated
from cuelight.monitoring.board import view
from cuelight.monitoring.board.session import destination, is_ours
from cuelight.monitoring.board.sources import Sources

USER_HEADER = "X-Cuelight-User"  # for MLflow, which notes who edits
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LONGEST_FORM = 16 << 10
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FOREIGN = "This was sent from a page of another site."


@dataclass(frozen=True)
class Links:
    """Where the board leads: MLflow's pages (ending in /), and metrics; texts by address, in their order."""

    registry: str
    others: tuple[tuple[str, str], ...] = ()


def create_app(sources: Sources, guard: Guard | None, links: Links) -> Flask:
    """The app; without a `guard` everybody who gets to it may see everything."""
    app = Flask(__name__, template_folder="html-templates", static_folder="static-files", static_url_path="/static")
    app.url_map.merge_slashes = False  # the gate is asked about paths as they are
    app.config["MAX_CONTENT_LENGTH"] = _LONGEST_FORM
    app.jinja_env.filters["moment"] = utc
    _add_board(app, sources, guard, links)
    if guard:
        _add_login(app, guard)
        _add_gate(app, guard)
    app.add_url_rule("/healthz", "healthz", lambda: {"ready": True})
    app.register_error_handler(CuelightError, _fault)
    app.register_error_handler(HTTPException, _http_fault)
    app.after_request(_with_headers)
    return app


def _add_board(app: Flask, sources: Sources, guard: Guard | None, links: Links) -> None:
    def board() -> str | Answer:
        grant, who = EVERYTHING, ""
        if guard:
            try:
                token = guard.identify(_token())
            except Unauthenticated:
                return redirect(url_for("login"))
            grant, who = token.grant, token.subject
        page = view.page(sources.seen(), sources.reports(), links.registry, grant.covers)
        return render_template("board.html", page=page, who=who, links=links, admin=_is_admin(grant), now=time.time())

    app.add_url_rule("/", "board", board)


def _add_login(app: Flask, guard: Guard) -> None:
    def login() -> str | Answer | tuple[str, int]:
        wanted = destination(request.values.get("next", ""))
        if request.method == "GET":
            why = "MLflow's pages take a token of scope admin." if request.args.get("why") == "admin" else ""
            return render_template("login.html", wanted=wanted, why=why)
        if not _is_ours():
            return render_template("login.html", wanted=wanted, why=f"{_FOREIGN} Log in here."), 403
        text = request.form.get("token", "").strip()
        try:
            token = guard.identify(text)
        except Unauthenticated as refusal:
            return render_template("login.html", wanted=wanted, why=_said(text, refusal)), 401
        answer = redirect(wanted, 303)
        _keep(answer, text, token)
        return answer

    def logout() -> Answer:
        if not _is_ours():
            raise Forbidden(_FOREIGN)
        answer = redirect(url_for("login"), 303)
        answer.delete_cookie(COOKIE, secure=_is_encrypted(), httponly=True, samesite="Lax")
        return answer

    app.add_url_rule("/login", "login", login, methods=["GET", "POST"])
    app.add_url_rule("/logout", "logout", logout, methods=["POST"])


def _add_gate(app: Flask, guard: Guard) -> None:
    """The gateway asks with the caller's method, path and headers; 200 lets the request on to MLflow."""

    def gate(path: str) -> Answer:
        carried = bool(request.headers.get("Authorization"))
        if not carried and not _is_ours():
            raise Forbidden(_FOREIGN)
        try:
            token = guard.check(_token(), Scope.ADMIN)
        except (Unauthenticated, Forbidden) as refusal:
            if request.headers.get("Sec-Fetch-Dest") != "document":
                raise
            why = "&why=admin" if isinstance(refusal, Forbidden) else ""
            return redirect(f"/login?next={quote('/' + path)}{why}")
        return Response(headers={USER_HEADER: token.subject})

    app.add_url_rule("/gate/<path:path>", "gate", gate, methods=_METHODS)


def _keep(answer: Answer, text: str, token: Token) -> None:
    answer.set_cookie(
        COOKIE,
        text,
        max_age=max(0, int(token.expires - time.time())),
        secure=_is_encrypted(),
        httponly=True,
        samesite="Lax",  # Strict would ask for the token again behind every link in a mail or a chat
    )


def _said(text: str, refusal: Unauthenticated) -> str:
    return str(refusal).partition(" Send ")[0] if text else "Paste your token first."


def _is_admin(grant: Grant) -> bool:
    return Scope.ADMIN in grant.scopes


def _is_ours() -> bool:
    sent_along = (request.headers.get(name, "") for name in ("Sec-Fetch-Site", "Origin", "Host"))
    return is_ours(request.method, *sent_along)


def _is_encrypted() -> bool:
    return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"  # the gateway says so, and nobody else


def _token() -> str:
    return sent(request.headers.get("Authorization", ""), request.headers.get("Cookie", ""))


def _fault(fault: CuelightError) -> Response:
    status = 401 if isinstance(fault, Unauthenticated) else 403 if isinstance(fault, Forbidden) else 500
    return _error(fault.code, str(fault), status)


def _http_fault(fault: HTTPException) -> Answer:
    if fault.code is None or fault.code < 400:
        return fault.get_response()  # a redirect
    return _error(fault.name.upper().replace(" ", "_"), fault.description or fault.name, fault.code)


def _error(code: str, message: str, status: int) -> Response:
    answer = jsonify({"error_code": code, "message": message})
    answer.status_code = status
    return answer


def _with_headers(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer
