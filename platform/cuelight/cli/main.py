"""The command's front door. Each subcommand is a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click
from click.shell_completion import CompletionItem

from cuelight.cli import exit_codes
from cuelight.kit import garbage
from cuelight.kit.errors import Busy, CuelightError
from cuelight.kit.text import meant

# By part, each command with what it does; it is the click command (or group) `command` of its module in `cuelight.cli`.
PARTS = {
    "Run": {
        "up": "Run everything on this machine, until Ctrl-C.",
        "init": "Begin a project: settings, a pipeline and its data.",
        "demo": "Play the whole story on real data.",
        "scale": "Run more serving replicas, or fewer.",
        "drain": "Take a replica out of traffic, or have it back.",
        "backup": "Write what can't be made again into one file.",
        "restore": "Make an installation from such a file.",
        "doctor": "Check this installation, and say what mends it.",
        "settings": "List every setting, its variable and its value.",
        "token": "Make, list and revoke callers' tokens.",
        "completion": "Have a shell complete commands and names.",
    },
    "Models": {
        "train": "Train a pipeline, register it, put it into Staging.",
        "promote": "Put a version into a stage, or under an alias.",
        "rollback": "Go back to the Production version before.",
        "trust": "Sign a version that came from elsewhere.",
        "score": "Score a file.",
        "batch": "Score big tables, part by part.",
        "status": "Show what is served, why, and since when.",
    },
    "Live traffic": {
        "logs": "Show requests as they come, or write them to a file.",
        "explain": "Say why an answer was what it was.",
        "compare": "Hold two versions against each other.",
        "labels": "Bring in what turned out to be true.",
        "quality": "Measure answers on their labels.",
        "journal": "Take somebody out of the journal, or adopt its archive.",
    },
    "The loop": {
        "drift": "Judge recent predictions against the reference.",
        "retrain": "Ask for a retraining, or carry it out.",
        "simulate": "Play a table through the loop in fast time.",
        "schedule": "Show what is next and what happened.",
        "history": "Show what happened, and what was in charge.",
        "alerts": "Show whom alerts reached, and what waits.",
    },
    "Run by `cuelight up`": {
        "follow": "Follow the registry.",
        "serve": "Run the scoring server.",
        "compact": "Turn the journal into Parquet.",
        "gateway": "Run the gateway.",
        "board": "Run the board.",
        "mlflow": "Run the MLflow server.",
    },
}
COMMANDS = {name: text for part in PARTS.values() for name, text in part.items()}
_INTERNAL = "Run by `cuelight up`"
_WIDEST = 120  # columns of help texts


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"cuelight.cli.{cmd_name}").command
        command.hidden = cmd_name in PARTS[_INTERNAL]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """From the table: to ask the commands themselves, all of them would have to be imported."""
        for part, commands in PARTS.items():
            if part != _INTERNAL:
                with formatter.section(part):
                    formatter.write_dl(list(commands.items()), col_max=12)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(
                f"There is no command {args[0]!r}.{meant(args[0], COMMANDS) or ' The list is in: cuelight --help'}"
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names alone: to show help as well, every command would have to be imported."""
        shown = [name for name in COMMANDS if name.startswith(incomplete) and name not in PARTS[_INTERNAL]]
        return [*map(CompletionItem, shown), *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST})
@click.version_option(package_name="cuelight")
@click.pass_context
def cuelight(context: click.Context) -> None:
    """Take MLflow promotions to live traffic, watch for drift, and retrain.

    Example: cuelight up
    """
    if os.environ.get("NO_COLOR"):  # rich keeps to it by itself, click does not
        context.color = False


def main() -> None:
    """Run the command; an error of ours, or of the machine's files and network, is one line and exit code 1.

    Where another process is at the same work the code is 75, sysexits.h's EX_TEMPFAIL: nothing has failed.
    """
    garbage.look_seldom()
    # Told to stop, a command unwinds as by Ctrl-C: leases are given back, and no run in MLflow is left open.
    signal.signal(signal.SIGTERM, _leave)
    try:
        cuelight()
    except (CuelightError, OSError) as error:
        click.echo(f"cuelight: {error}", err=True)
        sys.exit(exit_codes.BUSY if isinstance(error, Busy) else exit_codes.FAILED)


def _leave(number: int, _frame: object) -> None:
    sys.exit(exit_codes.TOLD_TO_STOP + number)
