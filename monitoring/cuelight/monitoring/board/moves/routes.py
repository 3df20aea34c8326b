"""The pages that ask "shall this happen?", do it, and show how serving follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from cuelight.access.guard import Guard
from cuelight.access.permissions import Scope
from cuelight.kit.errors import BadInput, Forbidden, NotFound
from cuelight.monitoring.board.model.replicas import entry
from cuelight.monitoring.board.moves.forms import Forms
from cuelight.monitoring.board.moves.plan import Act, Plan, plan
from cuelight.monitoring.board.session import is_loopback
from cuelight.monitoring.board.stores import Stores
from cuelight.monitoring.board.view import Seen
from cuelight.monitoring.board.visitors import Visitor, carried, check_ours, visitor
from cuelight.operations.succession import present_and_before
from cuelight.registry.rollback import put_back

_LIVE_SECONDS = 1


def add_moves(app: Flask, stores: Stores, guard: Guard | None, seen: Callable[[], Sequence[Seen]]) -> None:
    """`/board/models/NAME/promote` and `/rollback`: GET asks, POST does; `/moved` shows what became of it."""
    forms, aliases = Forms(), stores.settings.track_production

    def ask(name: str, act: str, why: str = "") -> str:
        who = _admin(guard, name)
        found = _plan(stores, Act(act), name)
        return render_template("move.html", plan=found, visitor=who, why=why, seal=_seal(found))

    def do(name: str, act: str) -> Answer | tuple[str, int]:
        who = _admin(guard, name)
        check_ours()
        if guard is None and not is_loopback(request.host):
            raise Forbidden("Where nobody logs in, this takes an address of this machine: open http://127.0.0.1.")
        version = _version()
        forms.check(request.form.get("seal", ""), carried(), _what(name, act, version))
        found = _plan(stores, Act(act), name)
        if (found.comes, found.rests_on) != (version, request.form.get("rests_on")):
            return ask(name, act, "The registry has changed since you looked. This is what would happen now."), 409
        put_back(stores.registry_for(who.subject), name, found.comes, aliases)
        return redirect(url_for("moved", name=name, version=found.comes), 303)

    def moved(name: str) -> str:
        who = _admin(guard, name)
        served = entry(seen(), name)
        present = served["tracks"].get("Production", {}).get("version") if served else None
        wanted = _version()
        return render_template(
            "moved.html", name=name, version=wanted, present=present, visitor=who, live=_LIVE_SECONDS
        )

    def _seal(found: Plan) -> str:
        return forms.seal(carried(), _what(found.model, found.act, found.comes))

    acts = f"<any({', '.join(Act)}):act>"
    app.add_url_rule(f"/board/models/<name>/{acts}", "ask", ask)
    app.add_url_rule(f"/board/models/<name>/{acts}", "do", do, methods=["POST"])
    app.add_url_rule("/board/models/<name>/moved", "moved", moved)


def _admin(guard: Guard | None, name: str) -> Visitor:
    who = visitor(guard)
    who.grant.check(Scope.ADMIN, name)
    return who


def _what(name: str, act: str, version: int) -> str:
    return f"{act} {version} {name}"


def _plan(stores: Stores, act: Act, name: str) -> Plan:
    models = stores.registry.snapshot().models
    if name not in models:
        raise NotFound(f"There is no registered model {name!r}.")
    comes = _version() if act == Act.PROMOTE else present_and_before(stores.operations, name)[1]
    aliases = [each.strip() for each in stores.settings.track_production.split(",")]
    return plan(act, models[name], comes, aliases)


def _version() -> int:
    text = request.values.get("version", "")
    if not text.isascii() or not text.isdigit():
        raise BadInput("Say which version: ?version=2 at the end of the address.")
    return int(text)
