"""Which versions may be loaded: signed by a known key, or nothing in them can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cuelight.kit.errors import Refused
from cuelight.kit.signing import TrustedKeys
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.mlmodel import read_mlmodel
from cuelight.registry.model import ModelVersion

OPEN = "nobody (trust_unsigned is set)"
_SKLEARN = "mlflow.sklearn"
_PROXIED = "mlflow-artifacts:"


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


def basis(version: ModelVersion, keys: TrustedKeys, *settings: object) -> str:
    """What a refusal rests on: while it is the same, a refused version need not be looked at again."""
    parts = [version.tags.get(tags.MANIFEST, ""), version.tags.get(tags.SIGNATURE, ""), sorted(keys.keys), settings]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
