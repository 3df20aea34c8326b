"""Resolve requirements into locked files: hashed, for Python 3.11 to 3.13, no addresses.

`pyproject.toml` becomes `runtime.txt` and, with all its extras, `dev.txt`; each `benchmarks/requirements/*.in`, what a
peer needs, the `.txt` beside it. Every extra can be installed beside `runtime.txt` as it is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
# Peers are measured on the same models: what reads and runs these is of one version everywhere.
SHARED = re.compile(r"^(?:joblib|numpy|pandas|scikit-learn|scipy)==[^\\\n]+", re.MULTILINE)


def main() -> None:
    """Write all files; `dev.txt` is bound by `runtime.txt`, that by what its extras take, the peers' by its libraries
    for models.
    """
    folder = Path(__file__).parent
    project = folder.parent / "pyproject.toml"
    runtime, dev = folder / "runtime.txt", folder / "dev.txt"
    with tempfile.TemporaryDirectory() as name:
        whole = Path(shutil.copy(runtime, name))  # versions stay as they are where they can
        _compile(project, whole, "build", more=["--all-extras"])
        _compile(project, runtime, "build", constraint=whole)
    _compile(project, dev, "build", "dev", more=["--all-extras"], constraint=runtime)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as shared:
        shared.write("\n".join(SHARED.findall(runtime.read_text())) + "\n")
        shared.flush()
        for peer in sorted((folder.parent / "benchmarks" / "requirements").glob("*.in")):
            _compile(peer, peer.with_suffix(".txt"), constraint=Path(shared.name))


def _compile(
    source: Path, output: Path, *groups: str, more: Sequence[str] = (), constraint: Path | None = None
) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", str(source), "-o", str(output), *OPTIONS]
    command += [f"--group={source}:{group}" for group in groups]
    command += [*more, *(["-c", str(constraint)] if constraint else [])]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
