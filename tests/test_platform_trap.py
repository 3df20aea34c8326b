"""Guards the trap that the top folder `platform/` sets: Python's own `platform` module must always win."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("platform", "pipelines", "serving", "monitoring")
_HIDDEN = {".git", ".venv", "node_modules", "__pycache__"}
_STDLIB = Path(sysconfig.get_path("stdlib")).resolve()


def _folders(root: Path) -> list[Path]:
    """All folders of the tree that are part of the project."""
    found = [root]
    for child in sorted(root.iterdir()):
        if child.is_dir() and not child.is_symlink() and child.name not in _HIDDEN and not child.name.startswith("."):
            found += _folders(child)
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_source_roots_and_the_namespace_are_no_packages(source: str) -> None:
    """An `__init__.py` in a source root would shadow a module, one under `cuelight/` would close the namespace."""
    assert not (ROOT / source / "__init__.py").exists()
    assert (ROOT / source / "cuelight").is_dir()
    assert not (ROOT / source / "cuelight" / "__init__.py").exists()


def test_nothing_else_is_called_platform() -> None:
    """No package, module or folder of that name below the top one: it would be found before Python's own."""
    folders = _folders(ROOT)
    assert ROOT / "platform" / "cuelight" / "kit" in folders
    others = [each for each in folders if each.name == "platform" and each != ROOT / "platform"]
    modules = [file for each in folders for file in each.glob("platform.py*")]
    assert (others, modules) == ([], [])


_FRESH = "import platform, os; print(platform.python_implementation(), os.path.realpath(platform.__file__))"


@pytest.mark.parametrize("command", [["-c", _FRESH], ["-m", "timeit", "-n1", "-r1", _FRESH]])
def test_a_fresh_interpreter_from_the_root_gets_pythons_own(command: list[str]) -> None:
    """Started from the repository's root, where `platform/` is on the path first, with -c and with -m."""
    result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    name, _, path = result.stdout.splitlines()[0].partition(" ")
    assert name == sys.implementation.name.replace("cpython", "CPython")
    assert Path(path).parent == _STDLIB


def test_pytests_own_path_gets_pythons_own() -> None:
    """With what pytest and the editable install put on the path, a new search still finds the standard module."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("platform")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve().parent == _STDLIB
    assert platform.python_version()


def _is_python(folder: Path) -> bool:
    return any(folder.rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES)
def test_folders_without_code_in_source_roots_cannot_be_imported(source: str) -> None:
    """A folder `docker/` there would make `import docker` succeed: such folders have a name that is no identifier."""
    children = [each for each in (ROOT / source).iterdir() if each.is_dir() and each.name not in _HIDDEN | {"cuelight"}]
    assert [each.name for each in children if each.name.isidentifier()] == []
    inner = [
        each
        for each in _folders(ROOT / source / "cuelight")
        if each.name.isidentifier() and not _is_python(each) and not each.name.startswith("_")
    ]
    assert inner == []
