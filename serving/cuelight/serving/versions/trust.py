"""Which versions may be loaded: signed by a known key, or nothing in them can run code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cuelight.kit.errors import Refused
from cuelight.kit.signing import TrustedKeys
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion

OPEN = "nobody (trust_unsigned is set)"
_SKLEARN = "mlflow.sklearn"
_PROXIED = "mlflow-artifacts:"
# The same software, built in several ways under several names.
_BUILDS = (
    {"xgboost", "xgboost-cpu"},
    {"tensorflow", "tensorflow-cpu", "tensorflow-intel"},
    {"onnxruntime", "onnxruntime-gpu"},
    {"opencv-python", "opencv-python-headless"},
    {"psycopg2", "psycopg2-binary"},
)
_LONGEST_MLMODEL = 4 << 20
_MOST_LISTED = 10


def check_source(uri: str, roots: str) -> None:
    """Hold the place a version comes from against the configured artifact stores.

    Raises:
        Refused: it is in none of them.
    """
    allowed = [each.strip() for each in roots.split(",") if each.strip()]
    if ".." in unquote(unquote(uri)) or not any(_is_below(uri, each) for each in allowed):
        raise Refused(
            f"Its files are at {uri!r}, outside the configured artifact stores ({', '.join(allowed)}). "
            "If that store is yours, add it to registry_artifact_roots."
        )


def _is_below(uri: str, root: str) -> bool:
    """Whether `uri` is `root` or in it: `s3://models-of-others` is not in `s3://models`.

    Nor is `mlflow-artifacts://elsewhere/` in `mlflow-artifacts:`: MLflow's client would ask that host for the files,
    and show it our password.
    """
    if root == _PROXIED and urlsplit(uri).netloc:
        return False
    return uri.startswith(root) and (root.endswith(("/", ":")) or uri[len(root) :][:1] in ("", "/"))


def check_signature(version: ModelVersion, folder: Path, keys: TrustedKeys, pinned: str) -> tuple[Manifest, str]:
    """The manifest that `folder` keeps to, and the id of the key that signed it (empty: unsigned).

    `pinned` is the digest this version had when it was first seen; empty: never seen.

    Raises:
        Refused: a manifest or signature is there and does not hold, or the files changed since first seen.
    """
    found = Manifest.of_folder(folder, version.name, version.run_id)
    text, signature = version.tags.get(tags.MANIFEST, ""), version.tags.get(tags.SIGNATURE, "")
    if pinned and found.digest != pinned:
        raise Refused("Its files changed after it was first seen here: they were altered after registration.")
    if not text:
        return found, ""
    manifest = Manifest.from_json(text)
    if (manifest.model, manifest.run_id) != (version.name, version.run_id):
        raise Refused(f"Its manifest was made for {manifest.model!r} and another run: it was copied from elsewhere.")
    manifest.verify(folder)
    return manifest, keys.verify(manifest, signature) if signature else ""


def check_content(folder: Path, signed_by: str, trust_unsigned: bool) -> str:
    """Who vouches for what is in `folder`: a key id, or `OPEN`, or empty where nothing in it can run code.

    Raises:
        Refused: unsigned, and more than data in skops form.
    """
    mlmodel = read_mlmodel(folder)
    if signed_by:
        return signed_by
    flavors = _mapping(mlmodel.get("flavors"))
    native, pyfunc = _mapping(flavors.get("sklearn")), _mapping(flavors.get("python_function"))
    model = native.get("pickled_model")
    harmless = (
        set(flavors) == {"sklearn", "python_function"}
        and native.get("serialization_format") == "skops"
        and isinstance(model, str)
        and model.endswith(".skops")
        and Path(model).name == model  # a path could lead out of what was verified
        and pyfunc.get("loader_module") == _SKLEARN
        and not native.get("code")
        and not pyfunc.get("code")
    )
    if harmless:
        return ""
    if trust_unsigned:
        return OPEN
    raise Refused(
        "It is not signed, and loading it could run code (only skops files of scikit-learn load unsigned). "
        "If you trust it: cuelight trust NAME VERSION."
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def check_requirements(folder: Path) -> None:
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


def read_mlmodel(folder: Path) -> Mapping[str, Any]:
    """The parsed `MLmodel` file.

    Raises:
        Refused: there is none, or it is not a YAML mapping.
    """
    try:
        path = folder / "MLmodel"
        if path.stat().st_size > _LONGEST_MLMODEL:
            raise Refused(f"Its MLmodel file is longer than {_LONGEST_MLMODEL} bytes.")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML's constructors raise what Python's do: a date that is none, an integer of 5,000 digits, a list as a key.
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise Refused(f"Its MLmodel file can't be read ({type(error).__name__}).") from error
    if not isinstance(document, dict):
        raise Refused("Its MLmodel file is not a mapping.")
    return document


@cache
def installed() -> str:
    """What is installed in this environment, as a digest of the names that pip gives its folders (name and version)."""
    names = sorted({folder.name for place in sys.path for folder in Path(place).glob("*.dist-info")})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def basis(version: ModelVersion, keys: TrustedKeys, *settings: object) -> str:
    """What a refusal rests on: while it is the same, a refused version need not be looked at again."""
    parts = [version.tags.get(tags.MANIFEST, ""), version.tags.get(tags.SIGNATURE, ""), sorted(keys.keys), settings]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
