"""The login, and the gate that the gateway asks before MLflow."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from cuelight.access.guard import Guard
from cuelight.access.permissions import Scope
from cuelight.kit.errors import Forbidden, Unauthenticated
from cuelight.monitoring.board.session import destination
from cuelight.monitoring.board.visitors import FOREIGN, carried, check_ours, forget, is_from_us, keep

USER_HEADER = "X-Cuelight-User"  # for MLflow, which notes who edits
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def add_login(app: Flask, guard: Guard) -> None:
    """The page that takes a token, and the button that forgets it."""

    def login() -> str | Answer | tuple[str, int]:
        wanted = destination(request.values.get("next", ""))
        if request.method == "GET":
            why = "MLflow's pages take a token of scope admin." if request.args.get("why") == "admin" else ""
            return render_template("login.html", wanted=wanted, why=why)
        if not is_from_us():
            return render_template("login.html", wanted=wanted, why=f"{FOREIGN} Log in here."), 403
        text = request.form.get("token", "").strip()
        try:
            token = guard.identify(text)
        except Unauthenticated as refusal:
            return render_template("login.html", wanted=wanted, why=_said(text, refusal)), 401
        answer = redirect(wanted, 303)
        keep(answer, text, token)
        return answer

    def logout() -> Answer:
        check_ours()
        answer = redirect(url_for("login"), 303)
        forget(answer)
        return answer

    app.add_url_rule("/login", "login", login, methods=["GET", "POST"])
    app.add_url_rule("/logout", "logout", logout, methods=["POST"])


def add_gate(app: Flask, guard: Guard) -> None:
    """The gateway asks with the caller's method, path and headers; 200 lets the request on to MLflow."""

    def gate(path: str) -> Answer:
        if not request.headers.get("Authorization"):
            check_ours()
        try:
            token = guard.check(carried(), Scope.ADMIN)
        except (Unauthenticated, Forbidden) as refusal:
            if request.headers.get("Sec-Fetch-Dest") != "document":
                raise
            why = "&why=admin" if isinstance(refusal, Forbidden) else ""
            return redirect(f"/login?next={quote('/' + path)}{why}")
        return Response(headers={USER_HEADER: token.subject})

    app.add_url_rule("/gate/<path:path>", "gate", gate, methods=_METHODS)


def _said(text: str, refusal: Unauthenticated) -> str:
    return str(refusal).partition(" Send ")[0] if text else "Paste your token first."
