"""Command lines in the pages are ones that the commands take."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cuelight.cli.main import cuelight
from tests.docs.pages import NAMES, ROOT, SOURCES, commands, spans, text

_WORDS = {"NAME": "churn", "VERSION": "3", "FILE": "rows.csv"}
_ON_ONE_LINE = 67  # characters beside "Example: " on a screen of 80
_CONTROL = {"&&", "||", "|", ";", "&", ">", "<", "(", ")"}


def command_lines(line: str) -> list[list[str]]:
    """The arguments of each `cuelight` in a shell line; without comments and variables set before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes over several lines: no command of ours
        return []
    parts: list[list[str]] = [[]]
    for word in words:
        if word in _CONTROL:
            parts.append([])
        elif parts[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            parts[-1].append(_WORDS.get(word, word))
    return [part[1:] for part in parts if part and part[0] == "cuelight"]


def parse(arguments: list[str], mention: bool = False) -> None:
    """Have click read a command line; raises if an option, an argument or a command is not there.

    A `mention` may be the bare name of a command that needs arguments.
    """
    command: click.Command = cuelight
    path, rest = "cuelight", list(arguments)
    while isinstance(command, click.Group) and rest:
        context = click.Context(command, info_name=path)
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        path, command = f"{path} {name}", found
    if rest or not mention:
        command.make_context(path, rest)


@pytest.mark.parametrize("name", NAMES)
def test_command_lines_parse(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `cuelight ...` in blocks, spans and help texts has a command, options and arguments that exist."""
    monkeypatch.chdir(tmp_path)
    for line, mention in [*((each, False) for each in commands(name)), *((each, True) for each in spans(name))]:
        for arguments in command_lines(line):
            for word in arguments:
                if re.search(r"\.(csv|json|parquet)$", word):
                    (tmp_path / word).touch()
            try:
                parse(arguments, mention)
            except click.ClickException as error:
                pytest.fail(f"{name}: {line}: {error.format_message()}")


@pytest.mark.parametrize("line", ["cuelight nothing", "cuelight status --nothing", "A=1 cuelight promote churn x"])
def test_wrong_command_lines_are_found(line: str) -> None:
    """A command, an option or a type that does not exist fails: the test above can fail."""
    with pytest.raises(click.UsageError):
        parse(command_lines(line)[0])


def every_command(path: str = "cuelight", command: click.Command = cuelight) -> Iterator[tuple[str, click.Command]]:
    """Each command with its path, from the top."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(f"{path} {name}", inner)


# Those that print no result of their own: groups, programs that run until they are told to stop, and what is for a
# shell or is JSON already.
WITHOUT_JSON = {
    *("cuelight", "cuelight labels", "cuelight journal", "cuelight token"),
    *("cuelight up", "cuelight demo", "cuelight schedule run"),
    *(f"cuelight {name}" for name in ("follow", "serve", "compact", "gateway", "board", "mlflow")),
    *("cuelight completion", "cuelight score"),
}


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=each[0]) for each in every_command()])
def test_every_command_has_an_example_and_json(
    path: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help ends with an example of that very command, which parses; what shows something shows it as JSON, too."""
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"^Example: (.+)$", inspect.cleandoc(command.help or ""), re.MULTILINE)
    assert found, "no example"
    for line in found:
        assert f"{line} ".startswith(f"{path} ")
        assert len(line) <= _ON_ONE_LINE
        (arguments,) = command_lines(line)
        for word in arguments:
            if re.search(r"\.(csv|json|parquet)$", word):
                (tmp_path / word).touch()
        parse(arguments)
    flags = {flag for each in command.params for flag in each.opts}
    assert ("--json" in flags) == (path not in WITHOUT_JSON)


def test_targets_exist() -> None:
    """Every `make` target in the pages, and in what the programs say, is in the Makefile."""
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for name in NAMES for line in (*commands(name), *spans(name))]
    named = {match[1] for line in lines if (match := re.match(r"(?:[A-Z]+=\S+ )*make ([a-z]+)", line))}
    sources = (file.read_text() for part in SOURCES for file in (ROOT / part).rglob("*.py"))
    named |= {name for source in sources for name in re.findall(r"`make ([a-z]+)", source)}
    assert {"demo", "test"} <= named <= known
    assert "make demo" in text("README.md")
