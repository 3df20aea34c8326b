"""The command's front door. Each subcommand is a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
import signal
import sys

import click
from click.shell_completion import CompletionItem

from cuelight.cli import exit_codes
from cuelight.kit.errors import Busy, CuelightError
from cuelight.kit.text import meant

# Command to module in `cuelight.cli`; each module holds one click command (or group) called `command`.
COMMANDS = {
    "up": "up",
    "init": "init",
    "train": "train",
    "promote": "promote",
    "rollback": "rollback",
    "status": "status",
    "scale": "scale",
    "drain": "drain",
    "score": "score",
    "compare": "compare",
    "drift": "drift",
    "retrain": "retrain",
    "simulate": "simulate",
    "labels": "labels",
    "quality": "quality",
    "schedule": "schedule",
    "history": "history",
    "alerts": "alerts",
    "explain": "explain",
    "logs": "logs",
    "journal": "journal",
    "token": "token",
    "trust": "trust",
    "settings": "settings",
    "doctor": "doctor",
    "completion": "completion",
    "demo": "demo",
    "follow": "follow",
    "serve": "serve",
    "compact": "compact",
    "gateway": "gateway",
    "board": "board",
}
_INTERNAL = ("follow", "serve", "compact", "gateway", "board")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"cuelight.cli.{COMMANDS[cmd_name]}").command
        command.hidden = cmd_name in _INTERNAL
        return command

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
        shown = [name for name in COMMANDS if name.startswith(incomplete) and name not in _INTERNAL]
        return [*map(CompletionItem, shown), *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cuelight")
def cuelight() -> None:
    """Take MLflow promotions to live traffic, watch for drift, and retrain."""


def main() -> None:
    """Run the command; an error of ours, or of the machine's files and network, is one line and exit code 1.

    Where another process is at the same work the code is 75, sysexits.h's EX_TEMPFAIL: nothing has failed.
    """
    # Told to stop, a command unwinds as by Ctrl-C: leases are given back, and no run in MLflow is left open.
    signal.signal(signal.SIGTERM, _leave)
    try:
        cuelight()
    except (CuelightError, OSError) as error:
        click.echo(f"cuelight: {error}", err=True)
        sys.exit(exit_codes.BUSY if isinstance(error, Busy) else exit_codes.FAILED)


def _leave(number: int, _frame: object) -> None:
    sys.exit(exit_codes.TOLD_TO_STOP + number)
