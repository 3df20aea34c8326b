from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from cuelight.cli import output
from cuelight.cli.output import to_json
from cuelight.operations.database import Operations
from tests.support.journal import prediction, write

_SHOWING = [["settings"], ["history"], ["alerts"], ["schedule"], ["token", "list"], ["doctor"]]
_FRAMES = re.compile("[\u2500-\u257f]")
_COLORS = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a history: one line is longer than any screen."""
    folder = tmp_path_factory.mktemp("home")
    operations = Operations(f"sqlite:///{folder / 'operations.db'}")
    operations.record("switched", "wine", 3, {"track": "Production", "why": "because " * 40})
    operations.record("refused", "wine", 4, {"reason": "[b]no[/b]"})
    operations.close()
    write(folder / "journal", prediction(0, status=503))
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of a person with this home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "TERM")}
    return {**kept, "CUELIGHT_HOME": str(home), "TERM": "xterm-256color", **more}


def piped(home: Path, *arguments: str) -> str:
    """What a command writes into a pipe."""
    command = [sys.executable, "-m", "cuelight.cli", *arguments]
    done = subprocess.run(command, env=environment(home), cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 10)
    assert done.stderr == ""
    return done.stdout


def typed(home: Path, columns: int, *arguments: str, **more: str) -> str:
    """What it writes to a terminal that is so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-m", "cuelight.cli", *arguments]
    with subprocess.Popen(command, env=environment(home, **more), cwd=home, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the last one who had the other side has ended
        return b""


@pytest.mark.parametrize("arguments", _SHOWING, ids=" ".join)
def test_a_pipe_gets_plain_lines_and_json(arguments: list[str], home: Path) -> None:
    """No frames, no colours, no blanks at the end; and with `--json` nothing but JSON, one document or one a line."""
    text = piped(home, *arguments)
    assert text
    assert not _FRAMES.search(text)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    document = piped(home, *arguments, "--json")
    try:
        json.loads(document)
    except ValueError:
        assert all(json.loads(line) for line in document.splitlines())


def test_a_line_in_a_pipe_is_never_broken(home: Path) -> None:
    """One event is one line, however long, as it is: grep finds it."""
    switched, refused = (line for line in piped(home, "history").splitlines() if " wine " in line)
    assert "because " * 39 in switched
    assert "[b]no[/b]" in refused


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_tables_of_its_width(columns: int, home: Path) -> None:
    """No line is longer than the screen, and none is cut off: each ends with the frame."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", typed(home, columns, "settings")).split("\r\n")[:-1]
    assert {len(line) for line in lines} == {columns}
    assert all(_FRAMES.match(line[-1]) for line in lines)
    assert "…" not in "".join(lines)


def test_a_history_is_read_on_a_narrow_screen(home: Path) -> None:
    """A headline for each event, its details below at the screen's width: no column of three words a line."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", typed(home, 60, "history")).split("\r\n")
    assert [line[19:] for line in lines if line and not line.startswith(" ")] == [
        "  switched  wine version 3",
        "  refused  wine version 4",
    ]
    assert max(map(len, lines)) <= 60
    assert "  reason: [b]no[/b]" in [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("width", "shown"), [(40, "Id    What\n1     apples and pears\n"), (20, "Id    1\nWhat  apples and\n      pears\n")]
)
def test_a_table_that_does_not_fit_is_shown_cell_by_cell(
    width: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its heading; one that fits stays a table."""
    screen = Console(width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "console", lambda: screen)
    table = Table("Id  ", "What", box=None, pad_edge=False)
    table.add_row("1", "apples and pears")
    output.show(table)
    said = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
    assert said == shown


def test_a_terminal_shows_colours_and_that_something_goes_on(home: Path) -> None:
    """What lasts is named while it does; in a pipe standard error stays empty (`piped` has none to show)."""
    text = typed(home, 100, "doctor")
    assert _COLORS.search(text)
    assert "Looking at everything ..." in text
    assert "Looking" not in piped(home, "doctor")


def test_no_color_is_kept_to(home: Path) -> None:
    """Tables stay; colours go, those of lines too."""
    assert not _COLORS.search(typed(home, 100, "doctor", NO_COLOR="1"))
    assert _COLORS.search(typed(home, 100, "logs", "m"))
    assert not _COLORS.search(typed(home, 100, "logs", "m", NO_COLOR="1"))


def test_json_has_no_word_for_what_is_no_number() -> None:
    """A metric that could not be had (ROC AUC of one class) is null: NaN would break whoever parses it."""
    found = json.loads(to_json({"roc_auc": float("nan"), "f1": np.float64(0.5)}), parse_constant=pytest.fail)
    assert found == {"roc_auc": None, "f1": 0.5}
