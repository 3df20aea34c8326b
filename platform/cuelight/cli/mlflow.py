"""`cuelight mlflow`: the MLflow server that `cuelight up` runs, by itself."""

from __future__ import annotations

import os

import click

from cuelight.cli import compose


@click.command()
def command() -> None:
    """Run the MLflow server: its data in the home folder, and edits told to followers.

    Example: cuelight mlflow
    """
    from cuelight.access import exposure
    from cuelight.cli.stack import programs
    from cuelight.kit.errors import Misconfigured

    settings = compose.settings()
    if settings.registry_uri:
        raise Misconfigured(f"registry.uri names another MLflow, {settings.registry_uri}: none is run beside it.")
    exposure.check(settings.mlflow_host, settings.access_required, "mlflow.host")
    program = programs.mlflow(settings)
    os.execvpe(program.command[0], program.command, {**os.environ, **program.environment})  # noqa: S606
