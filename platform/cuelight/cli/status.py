"""`cuelight status`: what is served, why, since when, and by whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import urllib3
from rich.table import Table

from cuelight.cli import compose, output
from cuelight.cli.credentials import credentials
from cuelight.cli.entrance import Standing, standings
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show each model's Production and Staging version, why it is there, and since when; and each serving replica.

    Example: cuelight status
    """
    settings = compose.settings()
    members = replicas.read(settings)
    answers = {each.name: _ask(each, credentials(settings)) for each in members}
    found = [each for each in answers.values() if not isinstance(each, Unavailable)]
    if not found:
        raise next(each for each in answers.values() if isinstance(each, Unavailable))
    views = roll(members, {name: each for name, each in answers.items() if isinstance(each, dict)}, _known(settings))
    if as_json:
        click.echo(json.dumps({**found[0], "replicas": [asdict(each) for each in views]}))
    else:
        output.console().print(table(found[0]))
        output.console().print(replica_table(views))


def _ask(replica: Replica, headers: Mapping[str, str]) -> dict[str, Any] | Unavailable:
    try:
        answer: dict[str, Any] = get(f"{replica.url}/models", headers).json()
    except Unavailable as fault:
        return fault
    return answer


def served(replica: Replica, headers: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Which versions a replica serves, by model and track; none if it does not say."""
    answer = _ask(replica, headers)
    models = [] if isinstance(answer, Unavailable) else answer["models"]
    return {(model["name"], track): each["version"] for model in models for track, each in model["tracks"].items()}


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
    generation = answer["generation"] if answer else None
    return View(replica.name, replica.url, state, generation, share, seen.in_flight if seen else None)


def replica_table(views: Sequence[View]) -> Table:
    """The replicas as a table."""
    result = Table(title="replicas", title_justify="left")
    for name in ("replica", "address", "state", "generation", "share", "in flight"):
        result.add_column(name)
    for each in views:
        share = "" if each.share is None else f"{each.share:.0%}"
        result.add_row(each.name, each.url, each.state, _text(each.generation), share, _text(each.in_flight))
    return result


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def get(url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    """A GET at the scoring server; `headers` say who asks.

    Raises:
        Unavailable: it does not answer, or can't answer yet.
    """
    try:
        answer = urllib3.request("GET", url, headers=headers, timeout=10.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"The scoring server at {url} does not answer. Is `cuelight up` running?") from error
    if answer.status != 200:
        raise Unavailable(f"GET {url} was answered by {answer.status}: {answer.data.decode(errors='replace')[:300]}")
    return answer


def table(document: dict[str, Any]) -> Table:
    """The answer of `GET /models` as a table."""
    result = Table(title=f"generation {document['generation']}", title_justify="left")
    for name in ("model", "track", "version", "why", "since", "signed by"):
        result.add_column(name)
    for model in document["models"]:
        for track, each in sorted(model["tracks"].items()):
            since, key = each["since"], each["signed_by"] or "unsigned (skops)"
            result.add_row(model["name"], track, str(each["version"]), _why(model, track), since, key)
    if not document["models"]:
        result.add_row("none yet: put a version into Production or Staging in MLflow", "", "", "", "", "")
    return result


def _why(model: dict[str, Any], track: str) -> str:
    """Why a version is where it is; of one in Staging also which part of Production's requests it answers, and why."""
    why, traffic = str(model["tracks"][track]["why"]), model["traffic"]
    if track != "Staging":
        return why
    rollout = traffic["rollout"]
    share = f"rollout {rollout['says']}" if rollout else f"canary {traffic['canary']:g} %" if traffic["canary"] else ""
    return "; ".join(filter(None, (why, share)))
