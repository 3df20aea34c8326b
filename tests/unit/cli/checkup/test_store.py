from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.cli.checkup import store
from cuelight.cli.checkup.finding import State
from cuelight.registry.manifest import Manifest
from cuelight.serving.versions.store import Entry, ModelStore


@pytest.fixture
def admitted(tmp_path: Path) -> Entry:
    """A version in a store."""
    shelf = ModelStore(tmp_path / "store")
    draft = shelf.draft()
    (draft / "MLmodel").write_text("flavors: {}")
    return shelf.admit(draft, Manifest.of_folder(draft, "m", "run"))


def test_versions_that_are_as_they_were(admitted: Entry) -> None:
    """Their number and their size."""
    (found,) = store.of(admitted.folder.parent)
    assert (found.state, "1 version," in found.says) == (State.OK, True)


@pytest.mark.parametrize("change", ["altered", "missing", "no manifest"])
def test_a_version_that_somebody_changed(change: str, admitted: Entry) -> None:
    """A file is another one, is gone, or its manifest is."""
    path = admitted.files / "MLmodel"
    if change == "altered":
        path.write_text("flavors: {x}")
    else:
        (path if change == "missing" else admitted.folder / "manifest.json").unlink()
    (found,) = store.of(admitted.folder.parent)
    assert (found.state, "fetches it anew" in found.mend) == (State.FAULT, True)


def test_an_empty_store(tmp_path: Path) -> None:
    """Is a note, and is not made."""
    (found,) = store.of(tmp_path / "store")
    assert (found.state, list(tmp_path.iterdir())) == (State.NOTE, [])
