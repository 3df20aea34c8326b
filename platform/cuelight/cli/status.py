"""`cuelight status`: what is served, why, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import urllib3
from rich.console import Console
from rich.table import Table

from cuelight.cli import compose
from cuelight.cli.credentials import credentials
from cuelight.cli.stack import serving_url
from cuelight.kit.errors import Unavailable


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show each model's Production and Staging version, why it is there, and since when.

    Example: cuelight status
    """
    settings = compose.settings()
    answer = get(f"{serving_url(settings)}/models", credentials(settings))
    if as_json:
        click.echo(answer.data.decode())
    else:
        Console().print(table(answer.json()))


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
