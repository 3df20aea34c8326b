from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.journal import prediction, write


def _run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    code = "from cuelight.cli.compact import command; command()"
    environment = os.environ | {"CUELIGHT_HOME": str(folder), "CUELIGHT_JOURNAL_RETENTION_DAYS": "100000"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_once_compacts_and_ends(tmp_path: Path) -> None:
    """`--once` says what it did, and ends."""
    write(tmp_path / "journal", prediction(0))
    with _run(tmp_path, "--once") as process:
        output, _ = process.communicate(timeout=60)
    assert output == "compacted 1 segments: 1 requests, 1 rows, 0 labels\n"
    assert process.returncode == 0


def test_the_loop_compacts_until_it_is_stopped(tmp_path: Path) -> None:
    """Without `--once` it goes on, logging what it does, and ends with 0 on SIGTERM."""
    write(tmp_path / "journal", prediction(0))
    with _run(tmp_path) as process:
        assert process.stderr is not None
        assert "compacted 1 segments" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
