from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cuelight.registry.model import Track, VersionId
from cuelight.serving.host.deployment import Deployment, Generations, Served, Standby, from_json, to_json


def _served(version: int, model: str = "m") -> Served:
    return Served(VersionId(model, version, 5, "models:/x"), "d", "k", "r", "alias champion", 1.5)


FULL = Deployment(
    7,
    2.5,
    {
        ("m", Track.PRODUCTION): _served(1),
        ("m", Track.STAGING): _served(2),
        ("a b/ü", Track.STAGING): _served(1, "a b"),
    },
    {"m": {"champion": 1}},
    (Standby(_served(3), 9.0),),
)


def test_a_deployment_survives_json() -> None:
    """Tracks, aliases and those that stand by are the same afterwards; so is the empty deployment."""
    assert from_json(to_json(FULL)) == FULL
    assert from_json(to_json(Deployment())) == Deployment()


def test_residents_are_all_versions_once() -> None:
    """Those on tracks and those that stand by, each once though it is on two tracks."""
    both = replace(FULL, tracks={**FULL.tracks, ("m", Track.STAGING): _served(1)})
    assert [(each.id.name, each.id.version) for each in both.residents()] == [("m", 1), ("a b", 1), ("m", 3)]
    assert FULL.models() == ["a b/ü", "m"]


def test_content_is_the_same_whatever_the_number() -> None:
    """Number and moments make no difference; a version, an alias, or one that stands by does."""
    assert FULL.same_content(replace(FULL, generation=8, created=9.0))
    assert not FULL.same_content(replace(FULL, tracks={}))
    assert not FULL.same_content(replace(FULL, aliases={}))
    assert not FULL.same_content(replace(FULL, standby=()))


def test_generations_are_read_back(tmp_path: Path) -> None:
    """What was written is there by its number; 0 is the empty one; one never written is an error."""
    generations = Generations(tmp_path / "g")
    assert (generations.newest(), generations.read(0)) == (0, Deployment())
    generations.write(FULL)
    assert (generations.newest(), generations.read(7)) == (7, FULL)
    with pytest.raises(FileNotFoundError):
        generations.read(8)


def test_old_generations_are_forgotten_but_never_the_committed_one(tmp_path: Path) -> None:
    """However many were prepared and dropped since, a new worker can read what is in charge."""
    generations = Generations(tmp_path / "g", keep=3)
    for number in range(1, 20):
        generations.write(Deployment(number), committed=2)
    assert generations.read(2) == Deployment(2)
    assert [int(path.stem) for path in sorted((tmp_path / "g").iterdir())] == [2, 17, 18, 19]
