"""Kustomize's overlays, as far as ours go: resources, JSON patches by kind and name, images and a namespace.

Where kubectl is at hand, a test holds what this makes of them against what Kustomize does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "images", "patches"}


def rendered(folder: Path) -> list[Manifest]:
    """The manifests of an overlay.

    Raises:
        ValueError: it has what is not known here, or a patch for nothing.
    """
    overlay = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := set(overlay) - _KNOWN:
        raise ValueError(f"{folder}: {', '.join(unknown)}")
    found = [each for name in overlay["resources"] for each in _resources(folder / name)]
    for patch in overlay.get("patches", []):
        target = patch["target"]
        (whole,) = (each for each in found if (each["kind"], each["metadata"]["name"]) == tuple(target.values()))
        for step in yaml.safe_load(patch["patch"]):
            apply(whole, step)
    for each in found:
        if "namespace" in overlay:
            each["metadata"]["namespace"] = overlay["namespace"]
        for image in overlay.get("images", []):
            _rename(each, image)
    return found


def _resources(path: Path) -> list[Manifest]:
    return rendered(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def apply(whole: Any, step: Manifest) -> None:
    """One step of a JSON patch (RFC 6902): add, replace or remove.

    Raises:
        KeyError, IndexError: there is nothing to be replaced or removed.
    """
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"].lstrip("/").split("/"))
    for part in way:
        whole = whole[_key(whole, part)]
    key = _key(whole, last)
    if step["op"] != "add":
        del whole[key]
    if step["op"] != "remove":
        whole.insert(key, step["value"]) if isinstance(whole, list) else whole.update({key: step["value"]})


def _key(whole: Any, part: str) -> Any:
    return int(part) if isinstance(whole, list) else part


def _rename(manifest: Manifest, image: Manifest) -> None:
    for container in containers(manifest):
        if container["image"] == image["name"]:
            container["image"] = f"{image['newName']}:{image['newTag']}"


def pod(manifest: Manifest) -> Manifest | None:
    """The pod's template of what makes pods, with metadata and spec."""
    spec = manifest.get("spec", {})
    template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return template if isinstance(template, dict) else None


def containers(manifest: Manifest) -> Iterator[Manifest]:
    """All containers of its pods, sidecars first."""
    template = pod(manifest)
    if template:
        yield from (*template["spec"].get("initContainers", []), *template["spec"]["containers"])
