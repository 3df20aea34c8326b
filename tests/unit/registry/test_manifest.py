"""Manifests: what they see, and what they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.errors import Refused
from cuelight.registry.manifest import Manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small version."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "MLmodel").write_text("flavors: {}")
    (tmp_path / "sub" / "wéights.bin").write_bytes(b"\x00\x01")
    return tmp_path


def test_an_untouched_folder_passes(folder: Path) -> None:
    """A folder passes its own manifest, also after a trip through JSON and with MLflow's own extra file."""
    manifest = Manifest.from_json(Manifest.of_folder(folder, "m", "r").to_json())
    (folder / "registered_model_meta").write_text("added by the client")
    manifest.verify(folder)
    assert set(manifest.files) == {"MLmodel", "sub/wéights.bin"}


def test_each_kind_of_change_is_named(folder: Path) -> None:
    """An altered, an added and a missing file are each refused by name."""
    manifest = Manifest.of_folder(folder, "m", "r")
    (folder / "MLmodel").write_text("flavors: []")
    with pytest.raises(Refused, match=r"MLmodel.*altered"):
        manifest.verify(folder)
    (folder / "MLmodel").unlink()
    with pytest.raises(Refused, match=r"MLmodel.*missing"):
        manifest.verify(folder)
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "sub" / "registered_model_meta").write_text("only ignored at the top")
    with pytest.raises(Refused, match=r"sub/registered_model_meta.*added"):
        manifest.verify(folder)


def test_links_are_refused(folder: Path) -> None:
    """A symbolic link is refused, since its target can change without the folder changing."""
    manifest = Manifest.of_folder(folder, "m", "r")
    (folder / "extra").symlink_to("/etc/hostname")
    with pytest.raises(Refused, match=r"extra.*link"):
        manifest.verify(folder)


def test_the_digest_is_of_contents(folder: Path) -> None:
    """The digest follows the files and not the model's name."""
    one, two = Manifest.of_folder(folder, "m", "r"), Manifest.of_folder(folder, "other", "s")
    assert one.digest == two.digest
    assert one.to_json() != two.to_json()
    (folder / "MLmodel").write_text("x")
    assert Manifest.of_folder(folder, "m", "r").digest != one.digest


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"model":"m","run_id":"r","files":{"a":"xyz"}}', "[" * 10**5]
)
def test_nonsense_is_refused(text: str) -> None:
    """A tag that is no manifest is refused, never a crash."""
    with pytest.raises(Refused):
        Manifest.from_json(text)
