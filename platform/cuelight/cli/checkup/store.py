"""Whether the versions on this machine's disk are as they were admitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cuelight.cli.checkup.finding import Finding, bytes_of, fault, note, ok
from cuelight.cli.checkup.scene import Scene
from cuelight.cli.stack import fleet
from cuelight.kit.errors import Refused
from cuelight.operations import replicas
from cuelight.serving.host.places import Places
from cuelight.serving.versions.store import ModelStore


def findings(scene: Scene) -> Iterator[Finding]:
    """The model store of each replica of this machine: every file is held against its manifest."""
    for each in replicas.read(scene.settings):
        if fleet.number(each):
            yield from of(Places(scene.settings.serving_folder_of(each.name)).store)


def of(folder: Path) -> Iterator[Finding]:
    """The same of one store."""
    store = ModelStore(folder)
    sizes = store.sizes()
    altered = [reason for each in sizes if (reason := _altered(store, each.name))]
    for reason in altered:
        yield fault(f"{folder}: {reason}", "Restart `cuelight up`: the follower fetches it anew. Ask who writes there.")
    if not sizes:
        yield note(f"{folder} holds no version yet.")
    elif not altered:
        count = f"{len(sizes)} version{'s' if len(sizes) > 1 else ''}"
        yield ok(f"{folder}: {count}, {bytes_of(sum(sizes.values()))}, all as they were admitted.")


def _altered(store: ModelStore, digest: str) -> str:
    try:
        store.verified(digest)
    except (Refused, OSError) as error:
        return str(error)
    return ""
