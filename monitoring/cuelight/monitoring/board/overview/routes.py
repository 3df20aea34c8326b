"""The front page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Flask, render_template
from markupsafe import Markup

from cuelight.access.guard import Guard
from cuelight.access.permissions import ALL_MODELS
from cuelight.journal.pulse import Beat
from cuelight.monitoring.board import view, words
from cuelight.monitoring.board.overview.page import overview
from cuelight.monitoring.board.overview.sources import OverviewSources
from cuelight.monitoring.board.plots import Line, Part, lines, shares
from cuelight.monitoring.board.sources import Sources
from cuelight.monitoring.board.visitors import visitor

LIVE_SECONDS = 5


def add_overview(app: Flask, sources: Sources, known: OverviewSources, guard: Guard | None, registry: str) -> None:
    """`/`; `registry` is where MLflow's pages are, ending in /."""
    app.jinja_env.filters.update(ago=words.ago, many=words.many, ms=words.milliseconds)
    app.jinja_env.globals.update(percent=words.percent, plots=_PLOTS)

    def board() -> str:
        who = visitor(guard)
        page = view.page(sources.seen(), sources.reports(), registry, who.grant.covers)
        sees_all = ALL_MODELS in who.grant.models
        spreads = sources.spreads(each.name for each in page.models)
        told = replace(known.known(), spreads=spreads, ailing=sources.ailing())
        shown = overview(page, told, who.grant.covers, sees_all, registry)
        return render_template("overview.html", page=shown, visitor=who, live=LIVE_SECONDS)

    app.add_url_rule("/", "board", board)


def _requests(name: str, beats: Sequence[Beat]) -> Markup:
    counts = [each.requests for each in beats]
    return lines(
        f"Requests of {name} a minute, over the last hour: up to {max(counts):,}", [Line(counts)] if any(counts) else []
    )


def _latency(name: str, beats: Sequence[Beat]) -> Markup:
    top = words.milliseconds(max((each.p99 or 0.0 for each in beats), default=0.0))
    drawn = [Line([each.p99 for each in beats], "light"), Line([each.p50 for each in beats])]
    return lines(f"Latency of {name} over the last hour, p50 and p99: up to {top}", drawn)


def _failures(name: str, beats: Sequence[Beat], failing: bool) -> Markup:
    parts = [100.0 * each.failed / each.requests if each.requests else None for each in beats]
    top = max((each or 0.0 for each in parts), default=0.0)
    title = f"Failed requests of {name} over the last hour: up to {top:.2g} % a minute"
    return lines(title, [Line(parts, "trouble" if failing else "")] if top else [], top=1.0)


def _split(name: str, production: float, staging: float) -> Markup:
    parts = [Part(production, "part-1"), Part(staging, "part-2")]
    return shares(f"Requests of {name}: {production:g} % to Production, {staging:g} % to Staging", parts)


_PLOTS = {"requests": _requests, "latency": _latency, "failures": _failures, "split": _split}
