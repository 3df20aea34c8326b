"""The routes of a model's page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask, render_template, request

from cuelight.access.guard import Guard
from cuelight.access.permissions import Scope
from cuelight.kit.errors import Forbidden, NotFound, Unavailable
from cuelight.monitoring.board.model import wording
from cuelight.monitoring.board.model.page import Door, model_page
from cuelight.monitoring.board.model.replicas import ready
from cuelight.monitoring.board.model.trial import TRACKS, Trial, score
from cuelight.monitoring.board.session import is_loopback
from cuelight.monitoring.board.sources import Sources
from cuelight.monitoring.board.stores import Stores
from cuelight.monitoring.board.view import Seen
from cuelight.monitoring.board.visitors import Visitor, carried, check_ours, visitor

_LIVE_SECONDS = 5
_LINK = re.compile(r"(\s+(?:Report: )?)https?://[^\s#]+/#(/\S+)")  # a line of an explanation that leads into MLflow


def add_model_page(app: Flask, sources: Stores, guard: Guard | None, hosts: Sources, registry: str) -> None:
    """`/board/models/NAME`: the page, and the form on it that scores; `registry` is where MLflow's pages are."""
    app.jinja_env.globals.update(wording.GLOBALS)
    pages = _Pages(sources, guard, hosts, registry)
    app.add_url_rule("/board/models/<name>", "model", pages.model)
    app.add_url_rule("/board/models/<name>/predictions/<number>", "prediction", pages.prediction)
    app.add_url_rule("/board/models/<name>", "tried", pages.tried, methods=["POST"])


@dataclass(frozen=True)
class _Pages:
    sources: Stores
    guard: Guard | None
    hosts: Sources
    registry: str

    def model(self, name: str) -> str:
        who = _may_see(self.guard, name)
        return self._page(name, who, self.hosts.seen())

    def tried(self, name: str) -> str:
        """The page, with what the model answered."""
        who = _may_see(self.guard, name)
        check_ours()
        who.grant.check(Scope.SCORE, name)
        found = self.hosts.seen()
        replica = ready(found)
        if not replica:
            raise Unavailable("No replica answers. Is `cuelight up` running?")
        track, body = (request.form.get(field, "") for field in ("track", "body"))
        return self._page(name, who, found, score(replica, name, track, body, carried()))

    def prediction(self, name: str, number: str) -> str:
        who = _may_see(self.guard, name)
        who.grant.check(Scope.ADMIN, name)  # it quotes what somebody has asked
        if self.guard is None and not is_loopback(request.host):
            raise Forbidden("Where nobody logs in, this takes an address of this machine: open http://127.0.0.1.")
        told = self.sources.backstage.explain(number)
        if told.model != name:
            raise NotFound(f"{name} has no prediction {number!r}.")
        lines = [self._led(each) for each in told.lines]
        return render_template("prediction.html", name=name, number=number, lines=lines, visitor=who)

    def _led(self, line: str) -> tuple[str, str]:
        """Text and address of a line; what leads into MLflow leads there by this door."""
        found = _LINK.fullmatch(line)
        return (found[1], f"{self.registry}#{found[2]}") if found else (line, "")

    def _page(self, name: str, who: Visitor, found: Sequence[Seen], trial: Trial | None = None) -> str:
        asked = (request.args.get(field, "") for field in ("column", "at"))
        door = Door(self.registry, request.host_url.rstrip("/"), self.guard is not None, carried(), *asked)
        return render_template(
            "model.html",
            page=model_page(self.sources, found, name, door),
            spread=self.hosts.spreads([name]).get(name, ""),
            visitor=who,
            trial=trial,
            tracks=TRACKS,
            live=_LIVE_SECONDS,
            registry=self.registry,
        )


def _may_see(guard: Guard | None, name: str) -> Visitor:
    """Who asks for the page.

    Raises:
        Unauthenticated: nobody that we know.
        NotFound: their token is not for this model; they don't learn whether there is one.
    """
    who = visitor(guard)
    if not who.grant.covers(name):
        raise NotFound(f"Your token is not for a model {name!r}.")
    return who
