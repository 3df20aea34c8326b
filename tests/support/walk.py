"""A page of the docs, walked as a person types it: each block of commands in a shell, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.pages import Block, blocks

_ADDRESS = "127.0.0.1:8080"
_HERE = ("make up", ". .venv/bin/activate")  # the test's own installation is up, and its environment active


class Walk:
    """Of one page, at an installation whose gateway is at `address`; files that the page has saved go into `folder`."""

    def __init__(self, page: str, address: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._blocks = blocks(page)
        self._address = address
        self._folder = folder
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {**environment, "PATH": path}

    def steps(self) -> Iterator[tuple[str, int, str]]:
        """Each block of commands, once it has run: its text, its exit code, what it said; a shown answer is checked."""
        for block, following in zip(self._blocks, [*self._blocks[1:], Block("", "")], strict=True):
            if block.mark[0] == "runnable":
                (self._folder / block.mark[1].split()[0]).write_text(self._here(block.text))
            script = "\n".join(line for line in block.text.splitlines() if line not in _HERE)
            if block.language == "sh" and script:
                code, said = self._run(self._here(script))
                if following.language == "json":
                    assert json.loads(said) == json.loads(following.text), said
                yield script, code, said

    def _here(self, text: str) -> str:
        return text.replace(_ADDRESS, self._address)

    def _run(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", script], cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout or done.stderr
