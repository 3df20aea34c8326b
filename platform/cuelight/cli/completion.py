"""`cuelight completion`: what makes a shell complete commands, options and names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import click
from click.shell_completion import get_completion_class

from cuelight.cli import compose, known
from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings

_VARIABLE = "_CUELIGHT_COMPLETE"  # by which the shell asks; click derives it from the program's name


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what SHELL is to read once, so that it completes commands, options, models, versions and replicas.

    bash: eval "$(cuelight completion bash)" in ~/.bashrc. zsh: the same with zsh, in ~/.zshrc. fish: write it to
    ~/.config/fish/completions/cuelight.fish.

    Example: cuelight completion bash
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(click.Command("cuelight"), {}, "cuelight", _VARIABLE).source())


Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _completer(names: Callable[[Settings, click.Context], list[str]]) -> Completer:
    """Names that begin as what was typed; none where they can't be read, since nobody could be told why."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        with contextlib.suppress(CuelightError, OSError):
            return [each for each in names(compose.settings(), context) if each.startswith(begun)]
        return []

    return complete


models = _completer(lambda settings, _: known.models(settings))
pipelines = _completer(lambda settings, _: known.pipelines(settings))
replicas = _completer(lambda settings, _: known.replicas(settings))
versions = _completer(
    lambda settings, context: [str(n) for n in known.versions(settings, context.params.get("name", ""))]
)
