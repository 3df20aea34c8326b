"""`cuelight promote`: move a version to a stage, or point an alias at it, as MLflow's UI does."""

from __future__ import annotations

import json

import click

from cuelight.cli import completion, compose, output
from cuelight.registry.model import RegisteredModel
from cuelight.registry.names import STAGES, check_alias


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.argument("version", type=int, shell_complete=completion.versions)
@click.option("--stage", type=click.Choice(STAGES, case_sensitive=False), help="Default: Production, without --alias.")
@click.option("--alias", help="Point this alias at the version.")
@click.option("--archive-others", is_flag=True, help="Archive the versions that are in the stage now.")
@output.json_option
def command(name: str, version: int, stage: str | None, alias: str | None, archive_others: bool, as_json: bool) -> None:
    """Put VERSION of model NAME into a stage, or under an alias; serving follows.

    Example: cuelight promote churn 3 --archive-others
    """
    registry = compose.registry(compose.settings())
    chosen = stage or (None if alias else "Production")
    if archive_others and chosen is None:
        raise click.UsageError("--archive-others goes with a stage: add --stage Production or --stage Staging.")
    if alias:
        check_alias(alias)  # before anything moves
    snapshot = registry.snapshot()
    snapshot.find(name, version)
    archived = _others(snapshot.models[name], version, chosen) if archive_others and chosen else []
    if chosen:
        registry.set_stage(name, version, chosen, archive_others)
    if alias:
        registry.set_alias(name, alias, version)
    if as_json:
        result = {"model": name, "version": version, "stage": chosen, "alias": alias, "archived": archived}
        click.echo(json.dumps(result))
    else:
        click.echo(_sentence(name, version, chosen, alias, archived))


def _others(model: RegisteredModel, version: int, stage: str) -> list[int]:
    return [number for number, each in model.versions.items() if each.stage == stage and number != version]


def _sentence(name: str, version: int, stage: str | None, alias: str | None, archived: list[int]) -> str:
    places = {None: [], "None": ["in no stage"], "Archived": ["archived"]}.get(stage, [f"in {stage}"])
    places += [f"the {alias}"] if alias else []
    gone = f"; archived: {', '.join(map(str, archived))}" if archived else ""
    return f"Version {version} of {name} is {' and '.join(places)} now{gone}."
