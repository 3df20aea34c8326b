"""Resolve `pyproject.toml` into `runtime.txt` and `dev.txt`: hashed, for Python 3.11 to 3.13, no addresses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--no-annotate",
    "--quiet",
)


def main() -> None:
    """Write both files, the second bound by the first."""
    folder = Path(__file__).parent
    project = folder.parent / "pyproject.toml"
    runtime, dev = folder / "runtime.txt", folder / "dev.txt"
    _compile(project, runtime, "build")
    _compile(project, dev, "build", "dev", constraint=runtime)


def _compile(project: Path, output: Path, *groups: str, constraint: Path | None = None) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", str(project), "-o", str(output), *OPTIONS]
    command += [f"--group={project}:{group}" for group in groups]
    command += ["-c", str(constraint)] if constraint else []
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
