"""Whether what a version needs is installed here."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cuelight.kit.errors import Refused

# The same software, built in several ways under several names.
_BUILDS = (
    {"xgboost", "xgboost-cpu"},
    {"tensorflow", "tensorflow-cpu", "tensorflow-intel"},
    {"onnxruntime", "onnxruntime-gpu"},
    {"opencv-python", "opencv-python-headless"},
    {"psycopg2", "psycopg2-binary"},
)
_MOST_LISTED = 10


def check(folder: Path) -> None:
    """Hold the version's `requirements.txt` against what is installed here.

    Raises:
        Refused: with the list of what differs.
    """
    path = folder / "requirements.txt"
    differing = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        text = line.split("#", 1)[0].split(" --", 1)[0].rstrip("\\ ").strip()  # pip's own options, and hashes
        if text and not text.startswith("-"):
            differing += _difference(text)
    if differing:
        more = f"; and {len(differing) - _MOST_LISTED} more" if len(differing) > _MOST_LISTED else ""
        raise Refused(f"Its requirements are not met here: {'; '.join(differing[:_MOST_LISTED])}{more}.")


def _difference(text: str) -> list[str]:
    try:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            return []
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return [f"{text[:200]!r} can't be read"]
    found = _installed(requirement.name)
    if found is None:
        return [f"{text}, and it is not installed"]
    if not requirement.specifier.contains(found.version, prereleases=True):
        return [f"{text}, and {found.version} is here"]
    return [each for extra in sorted(requirement.extras) for each in _lacking(found, extra)]


def _installed(name: str) -> metadata.Distribution | None:
    """The distribution of that name, or the same software under another."""
    builds = next((each for each in _BUILDS if canonicalize_name(name) in each), set())
    for each in (name, *sorted(builds)):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.distribution(each)
    return None


def _lacking(found: metadata.Distribution, extra: str) -> list[str]:
    """What a distribution needs for one of its extras and does not find here."""
    wanted = [Requirement(each) for each in found.requires or ()]
    chosen = [each for each in wanted if each.marker and each.marker.evaluate({"extra": extra})]
    for each in chosen:
        each.marker = None
    return [difference for each in chosen for difference in _difference(str(each))]


@cache
def installed() -> str:
    """What is installed in this environment, as a digest of the names that pip gives its folders (name and version)."""
    names = sorted({folder.name for place in sys.path for folder in Path(place).glob("*.dist-info")})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
