"""`cuelight retrain`: ask for a retraining, and carry out requests."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, exit_codes, output

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings
    from cuelight.pipelines.retraining.retrainer import Outcome


@click.command()
@click.argument("name", required=False, shell_complete=completion.pipelines)
@click.option("--reason", default="Asked for by hand.", show_default=True, help="Why; it goes onto the version's tags.")
@click.option("--now", is_flag=True, help="File the request and carry it out here.")
@click.option("--next", "next_one", is_flag=True, help="Carry out the oldest open request, if there is one.")
@click.option("--log", default="", metavar="FILE", help="Where this command's output goes; the history names it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(name: str | None, reason: str, now: bool, next_one: bool, log: str, as_json: bool) -> None:
    """File a request to retrain model NAME; a scheduler carries it out, or --now does.

    A challenger that is not worse than the version in Production goes to Staging. Exits with 10 if the retraining
    failed.

    Example: cuelight retrain churn --now
    """
    if next_one == bool(name) or (next_one and now):
        raise click.UsageError("Name a model, or give --next.")
    from cuelight.cli import compose

    settings = compose.settings()
    if name:
        _file(settings, name, reason, quiet=now, as_json=as_json)
    if next_one or now:
        _carry_out(settings, name, log, as_json)


def _file(settings: Settings, name: str, reason: str, quiet: bool, as_json: bool) -> None:
    from cuelight.cli import compose
    from cuelight.kit.clock import SystemClock
    from cuelight.kit.errors import Unavailable
    from cuelight.kit.identity import user
    from cuelight.pipelines import catalog

    catalog.find(name, settings.pipelines)  # a request that nobody can carry out must not be filed
    operations = compose.operations(settings)
    request = operations.request_retrain(name, None, reason, {"by": user()}, SystemClock().now())
    operations.close()
    if quiet:
        return
    if request is None:
        raise Unavailable(f"A request to retrain {name} is open already: `cuelight retrain --next` carries it out.")
    if as_json:
        click.echo(json.dumps({"request": request.id, "model": name, "state": request.state}, indent=2))
    else:
        click.echo(f"Request {request.id} to retrain {name} is filed; `cuelight retrain --next` carries it out.")


def _carry_out(settings: Settings, name: str | None, log: str, as_json: bool) -> None:
    from cuelight.cli import compose
    from cuelight.journal.query import Journal
    from cuelight.kit.identity import new_id
    from cuelight.operations.retraining import FAILED
    from cuelight.pipelines import catalog
    from cuelight.pipelines.retraining.retrainer import Retrainer

    retrainer = Retrainer(
        workshop=compose.workshop(settings, silent=as_json),
        operations=compose.operations(settings),
        journal=Journal(settings.journal_folder),
        find=lambda model: catalog.find(model, settings.pipelines),
        holder=f"{settings.host_name}-{new_id()}",
        settings=settings,
        log=log,
    )
    outcome = retrainer.run_next(name)
    if as_json:
        click.echo(output.to_json(asdict(outcome) if outcome else None))
    else:
        _show(outcome, name)
    if outcome is not None and outcome.outcome == FAILED:
        raise SystemExit(exit_codes.RETRAINING_FAILED)


def _show(outcome: Outcome | None, name: str | None) -> None:
    if outcome is None:
        click.echo(f"A request for {name} is being carried out elsewhere." if name else "There is nothing to retrain.")
        return
    click.echo(f"{outcome.model}: {outcome.outcome}. {outcome.sentence}")
    if outcome.trained is not None:
        click.echo(f"Version {outcome.trained.version}, run: {outcome.trained.run_url}")
