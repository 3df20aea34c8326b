from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica


def test_without_a_file_there_is_the_serving_host_of_the_settings(tmp_path: Path) -> None:
    """As this machine reaches it, also where it listens on all addresses."""
    settings = Settings(home=tmp_path, serving_port=8123)
    assert replicas.read(settings) == (Replica("replica-1", "127.0.0.1", 8123),)
    assert replicas.first(replace(settings, serving_host="0.0.0.0")).url == "http://127.0.0.1:8123"
    assert replicas.first(replace(settings, serving_host="::")).url == "http://[::1]:8123"


def test_changes_are_read_back(tmp_path: Path) -> None:
    """In their order, with all that is known of each; the first change finds the one that there always is."""
    settings = Settings(home=tmp_path / "new")
    second = Replica("replica-2", "10.0.0.2", 8001, zone="b", weight=3)
    assert replicas.change(settings, lambda now: (*now, second)) == (replicas.first(settings), second)
    replicas.change(settings, lambda now: tuple(msgspec.structs.replace(each, draining=True) for each in now))
    assert [each.draining for each in replicas.read(settings)] == [True, True]
    assert replicas.read(settings)[1] == msgspec.structs.replace(second, draining=True)


@pytest.mark.parametrize("kept", [0, 2])
def test_a_list_that_can_not_be_is_not_written(tmp_path: Path, kept: int) -> None:
    """None at all, or two of one name: what there was stays."""
    settings = Settings(home=tmp_path)
    with pytest.raises(ValueError, match=r"none|same name"):
        replicas.change(settings, lambda now: now * kept)
    assert replicas.read(settings) == (replicas.first(settings),)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '[{"name": "a", "address": "127.0.0.1"}]',
        '[{"name": "a", "address": "127.0.0.1", "port": 0}]',
        '[{"name": "../a", "address": "127.0.0.1", "port": 1}]',
        '[{"name": "a", "address": "127.0.0.1", "port": 1, "wait": 2}]',
        '[{"name": "a", "address": "127.0.0.1", "port": 1}, {"name": "a", "address": "127.0.0.2", "port": 1}]',
    ],
)
def test_a_file_that_is_no_list_of_replicas_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    """By its path: whoever follows it keeps the replicas it knows."""
    (tmp_path / "replicas.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"replicas\.json is not a list of replicas"):
        replicas.read(Settings(home=tmp_path))
