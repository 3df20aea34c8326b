"""`cuelight` in this process: it says and does what a process of its own would, without two seconds of imports."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from cuelight.cli.main import cuelight
from cuelight.kit.errors import CuelightError


def asked(folder: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with these arguments in `folder`, to its end; what is no error of ours is raised."""
    with chdir(folder):
        ended = CliRunner().invoke(cuelight, arguments, env=dict(environment))
    error = ended.exception
    if error is not None and not isinstance(error, SystemExit | CuelightError | OSError):
        raise error
    said = "" if error is None or isinstance(error, SystemExit) else f"cuelight: {error}\n"
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr + said)
