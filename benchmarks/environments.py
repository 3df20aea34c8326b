"""A virtual environment for each peer that needs one, made once from its locked requirements."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_HOME = ROOT / ".cuelight" / "bench"
_REQUIREMENTS = Path(__file__).parent / "requirements"
_FAILED: dict[str, Missing] = {}


class Missing(Exception):
    """A peer can't be measured here: `reason` for the results, `detail` (addresses, paths) for the terminal alone."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


def python(name: str) -> Path:
    """The interpreter of the environment called `name`, made if it is not there or its requirements have moved.

    Raises:
        Missing: pip could not make it; it is not tried again in this run.
    """
    if name in _FAILED:
        raise _FAILED[name]
    locked, folder = _REQUIREMENTS / f"{name}.txt", _HOME / name
    interpreter, mark = folder / "bin" / "python", folder / ".made-of"
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == digest and interpreter.exists():
        return interpreter
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run(sys.executable, "-m", "venv", str(folder))
        # The lock is complete: --no-deps keeps pip from resolving it again.
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
        _run(str(interpreter), "-m", "pip", "install", *options, "-r", str(locked))
    except Missing as missing:
        _FAILED[name] = missing
        raise
    mark.write_text(digest)
    return interpreter


def versions(interpreter: Path, *packages: str) -> dict[str, str]:
    """Versions of those packages in an environment; what is not there is left out."""
    script = (
        "import importlib.metadata as m, json, sys\n"
        "known = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: known[n] for n in sys.argv[1:] if n in known}))"
    )
    done = subprocess.run([str(interpreter), "-c", script, *packages], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Missing("its environment could not be made", last)
