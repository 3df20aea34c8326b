from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.cli import compose
from cuelight.kit.errors import Misconfigured


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUELIGHT_CONFIG", raising=False)


def test_settings_come_from_the_file_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file defaults hold; with one its values; `CUELIGHT_CONFIG` says where else it is."""
    assert compose.settings().serving_port == 8000
    (tmp_path / "cuelight.toml").write_text("[serving]\nport = 1")
    assert compose.settings().serving_port == 1
    (tmp_path / "other.toml").write_text("[serving]\nport = 2")
    monkeypatch.setenv("CUELIGHT_CONFIG", str(tmp_path / "other.toml"))
    assert compose.settings().serving_port == 2
    assert compose.settings(serving_port=3).serving_port == 3


@pytest.mark.parametrize("content", [b"[serving", b"\xff", b"a = "])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    """The message says which file it is."""
    (tmp_path / "cuelight.toml").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"cuelight\.toml"):
        compose.settings()


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults in place of the settings that somebody named would go unnoticed."""
    monkeypatch.setenv("CUELIGHT_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(Misconfigured, match=r"absent\.toml, and there is no such file"):
        compose.settings()
