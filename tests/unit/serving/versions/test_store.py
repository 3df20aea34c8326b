from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuelight.kit.errors import Refused
from cuelight.registry.manifest import Manifest
from cuelight.serving.versions.store import Entry, ModelStore


def _draft(store: ModelStore, content: bytes = b"x") -> tuple[Path, Manifest]:
    draft = store.draft()
    (draft / "sub").mkdir()
    (draft / "sub" / "file").write_bytes(content)
    return draft, Manifest.of_folder(draft, "m", "r")


def _admit(store: ModelStore, content: bytes = b"x") -> Entry:
    return store.admit(*_draft(store, content))


def test_a_folder_is_taken_in_under_its_digest(tmp_path: Path) -> None:
    """Afterwards it is there, verified, by the digest of its files, and the draft is gone."""
    store = ModelStore(tmp_path)
    entry = _admit(store)
    assert store.has(entry.manifest.digest)
    assert store.verified(entry.manifest.digest) == entry
    assert (entry.files / "sub" / "file").read_bytes() == b"x"
    assert entry.folder.name == entry.manifest.digest
    assert not any((tmp_path / ".drafts").iterdir())


def test_a_draft_that_does_not_keep_to_its_manifest_never_becomes_visible(tmp_path: Path) -> None:
    """A file that differs, is missing or is extra is refused, and nothing is in the store."""
    store = ModelStore(tmp_path)
    for spoil in ("differs", "missing", "extra"):
        draft, manifest = _draft(store)
        if spoil == "missing":
            (draft / "sub" / "file").unlink()
        else:
            (draft / "sub" / ("file" if spoil == "differs" else "more")).write_bytes(b"y")
        with pytest.raises(Refused):
            store.admit(draft, manifest)
        assert not store.has(manifest.digest)
    assert store.surplus(0, set()) == []


def test_what_a_crash_left_is_no_version(tmp_path: Path) -> None:
    """A download that was cut off is invisible, and is gone when a follower starts."""
    store = ModelStore(tmp_path)
    draft, manifest = _draft(store)
    again = ModelStore(tmp_path)
    assert not again.has(manifest.digest)
    assert again.surplus(0, set()) == []
    with pytest.raises(Refused, match="not in the model store"):
        again.entry(manifest.digest)
    again.discard_drafts()
    assert not draft.exists()


@pytest.mark.parametrize("step", ["rename", "fsync"])
def test_a_crash_while_it_is_taken_in_leaves_nothing_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Cut off at any step before the last rename, the version is not there; taken in again, it is whole."""
    store = ModelStore(tmp_path)
    draft, manifest = _draft(store)
    with monkeypatch.context() as patch:

        def cut(*_: object) -> None:
            raise OSError("cut off")

        patch.setattr(*((Path, step, cut) if step == "rename" else (os, step, cut)))
        with pytest.raises(OSError, match="cut off"):
            store.admit(draft, manifest)
    assert not store.has(manifest.digest)
    assert _admit(store).manifest.digest == manifest.digest


def test_files_altered_on_disk_are_found_and_healed(tmp_path: Path) -> None:
    """`verified` refuses an altered entry, and taking the files in again replaces it."""
    store = ModelStore(tmp_path)
    entry = _admit(store)
    (entry.files / "sub" / "file").write_bytes(b"y")
    with pytest.raises(Refused, match="altered"):
        store.verified(entry.manifest.digest)
    assert _admit(store) == entry
    assert (store.verified(entry.manifest.digest).files / "sub" / "file").read_bytes() == b"x"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", None])
def test_an_altered_manifest_is_found_and_healed(tmp_path: Path, content: bytes | None) -> None:
    """So is one whose manifest was spoiled or removed."""
    store = ModelStore(tmp_path)
    entry = _admit(store)
    path = entry.folder / "manifest.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Refused):
        store.verified(entry.manifest.digest)
    assert _admit(store) == entry
    assert store.verified(entry.manifest.digest) == entry


def test_a_manifest_of_other_files_is_refused(tmp_path: Path) -> None:
    """Files and manifest both replaced by others of the same folder name are still found out."""
    store = ModelStore(tmp_path)
    entry = _admit(store)
    (entry.files / "sub" / "file").write_bytes(b"y")
    other = Manifest.of_folder(entry.files, "m", "r")
    (entry.folder / "manifest.json").write_text(other.to_json())
    with pytest.raises(Refused, match="altered"):
        store.verified(entry.manifest.digest)


def test_taking_in_what_is_there_changes_nothing(tmp_path: Path) -> None:
    """The second time only the draft goes; the trial's findings stay."""
    store = ModelStore(tmp_path)
    entry = _admit(store)
    entry.trial.write_text("{}")
    assert _admit(store) == entry
    assert entry.trial.exists()


def test_surplus_is_the_least_recently_taken_in_and_never_needed(tmp_path: Path) -> None:
    """Beyond the budget the oldest go first, until the rest fits; what is needed stays whatever its age."""
    store = ModelStore(tmp_path)
    entries = [_admit(store, bytes([number]) * 10_000) for number in range(3)]
    for age, entry in enumerate(entries):
        os.utime(entry.folder, (age, age))
    first, second, third = (entry.manifest.digest for entry in entries)
    assert store.surplus(10**6, set()) == []
    assert store.surplus(25_000, set()) == [first]
    assert store.surplus(25_000, {first}) == [second]
    assert store.surplus(0, {second}) == [first, third]
    store.remove(first)
    assert (store.has(first), store.has(second)) == (False, True)
    store.remove(first)
    store.remove("")
    assert store.has(second)
