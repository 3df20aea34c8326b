"""Files that say they describe a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.errors import Refused
from cuelight.registry.mlmodel import read_mlmodel


@pytest.mark.parametrize(
    "content",
    [
        b"- a\n- b\n",
        b"{",
        b"\xff",
        b"!!python/object/apply:os.system [ls]",
        b"a: 2026-99-99",
        b"a: " + b"9" * 5000,
        b"[a]: b",
        b"#" * (5 << 20),
        None,
    ],
)
def test_an_mlmodel_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Not YAML, not a mapping, not text, with objects in it, or not there."""
    if content is not None:
        (tmp_path / "MLmodel").write_bytes(content)
    with pytest.raises(Refused, match="MLmodel"):
        read_mlmodel(tmp_path)


def test_one_that_is_sound_is_a_mapping(tmp_path: Path) -> None:
    """As MLflow wrote it."""
    (tmp_path / "MLmodel").write_text("flavors: {sklearn: {pickled_model: model.skops}}")
    assert read_mlmodel(tmp_path) == {"flavors": {"sklearn": {"pickled_model": "model.skops"}}}
