"""`cuelight status`: what is served, why, since when, and by whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from cuelight.cli import compose, output
from cuelight.cli.credentials import credentials
from cuelight.cli.stack import hosts
from cuelight.cli.stack.served import ask
from cuelight.cli.stack.standings import Standing, standings
from cuelight.cli.stack.waiting import Waiting, waiting
from cuelight.cli.views import hosts as host_views
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica


@click.command()
@output.json_option
def command(as_json: bool) -> None:
    """Show each model's Production and Staging version, why it is there, and since when; each replica, and each host.

    Example: cuelight status
    """
    settings = compose.settings()
    members = replicas.read(settings)
    answers = {each.name: ask(each, credentials(settings)) for each in members}
    found = [each for each in answers.values() if not isinstance(each, Unavailable)]
    company, silent = hosts.found(settings), settings.hosts_silent_seconds
    if not found and not company:
        raise next(each for each in answers.values() if isinstance(each, Unavailable))
    views = roll(members, {name: each for name, each in answers.items() if isinstance(each, dict)}, _known(settings))
    waits = [line for each in members for line in waiting(settings, each)]
    if as_json:
        others: dict[str, Any] = {"waiting": [asdict(each) for each in waits]}
        others |= {"hosts": None if company is None else host_views.document(company, silent)}
        click.echo(json.dumps({**(found or [{}])[0], "replicas": [asdict(each) for each in views], **others}))
        return
    if found:
        if found[0]["models"]:
            output.show(table(found[0]))
        else:
            click.echo("No model is served yet: put a version into Production or Staging in MLflow.")
        output.show(replica_table(views))
    for line in waiting_lines(waits):
        click.echo(line)
    if company:
        output.show(host_views.table(company, silent))
    elif company is None:
        output.console().print(hosts.UNKNOWN)


def _known(settings: Settings) -> Mapping[str, Standing]:
    """What the gateway says; nothing, where there is none."""
    try:
        return standings(settings) if settings.gateway_port else {}
    except Unavailable:
        return {}


@dataclass(frozen=True)
class View:
    """One replica: whether it is ready, and its part of what the gateway has sent (None: nobody can tell)."""

    name: str
    url: str
    state: str
    generation: int | None
    share: float | None
    in_flight: int | None


def roll(
    members: Sequence[Replica], answers: Mapping[str, Mapping[str, Any]], known: Mapping[str, Standing]
) -> list[View]:
    """Each replica, from what it answered to `GET /models` (if it did) and what the gateway knows of it. Pure."""
    total = sum(each.requests for each in known.values())
    return [_view(each, answers.get(each.name), known.get(each.name), total) for each in members]


def _view(replica: Replica, answer: Mapping[str, Any] | None, seen: Standing | None, total: int) -> View:
    state = "ready" if answer and (seen is None or seen.healthy) else "not ready"
    if replica.draining:
        state = "draining" if answer else "drained"
    share = seen.requests / total if seen and total else None
    generation = answer.get("generation") if answer else None  # an older host does not say
    return View(replica.name, replica.url, state, generation, share, seen.in_flight if seen else None)


def replica_table(views: Sequence[View]) -> Table:
    """The replicas as a table."""
    result = Table(title="replicas", box=None, pad_edge=False)
    for name in ("replica", "address", "state", "generation", "share", "in flight"):
        result.add_column(name)
    for each in views:
        share = "" if each.share is None else f"{each.share:.0%}"
        result.add_row(each.name, each.url, each.state, _text(each.generation), share, _text(each.in_flight))
    return result


def waiting_lines(waits: Sequence[Waiting]) -> list[str]:
    """What is wanted and not served yet, each once, however many replicas wait for it."""
    lines: dict[tuple[str, str], str] = {}
    for each in waits:
        when = datetime.fromtimestamp(each.retry_at, UTC).strftime("%H:%M:%S")
        what = f"{each.model} version {each.version} waits for {each.track}"
        lines.setdefault((what, each.reason), f"{what}: {each.reason} It is tried again from {when} (UTC) on.")
    return list(lines.values())


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def table(document: dict[str, Any]) -> Table:
    """The answer of `GET /models` as a table."""
    result = Table(title=f"generation {document['generation']}", box=None, pad_edge=False)
    for name in ("model", "track", "version", "why", "since (UTC)", "signed by"):
        result.add_column(name)
    for model in document["models"]:
        for track, each in sorted(model["tracks"].items()):
            since, key = each["since"].replace("T", " ").removesuffix("Z"), each["signed_by"] or "unsigned (skops)"
            result.add_row(model["name"], track, str(each["version"]), _why(model, track), since, key)
    return result


def _why(model: dict[str, Any], track: str) -> str:
    """Why a version is where it is; of one in Staging also which part of Production's requests it answers, and why."""
    why, traffic = str(model["tracks"][track]["why"]), model["traffic"]
    if track != "Staging":
        return why
    rollout = traffic["rollout"]
    share = f"rollout {rollout['says']}" if rollout else f"canary {traffic['canary']:g} %" if traffic["canary"] else ""
    return "; ".join(filter(None, (why, share)))
