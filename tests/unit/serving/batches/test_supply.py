"""Which version scores a batch, and that one which serving would refuse scores none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.errors import NotFound, Refused
from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track
from cuelight.serving.batches.supply import Asked, Supply
from tests.support.models import Shelf, alter, constant

MODEL = "m"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Version 1 in Staging, 2 in Production, 3 under an alias; 4 is not signed, and 5 was altered."""
    registry = MemoryRegistry()
    shelf = Shelf(registry, tmp_path / "shelf", tmp_path / "home" / "keys")
    for _ in range(3):
        shelf.add(MODEL, constant(1.0))
    registry.set_stage(MODEL, 1, "Staging")
    registry.set_stage(MODEL, 2, "Production")
    registry.set_alias(MODEL, "nightly", 3)
    shelf.add(MODEL, constant(1.0), form="cloudpickle", sign=False)
    shelf.add(MODEL, constant(1.0), form="cloudpickle", spoil=alter)
    return shelf


@pytest.fixture
def supply(shelf: Shelf, tmp_path: Path) -> Supply:
    """What a host has of these."""
    return Supply(shelf.registry, Settings(home=tmp_path / "home", registry_artifact_roots="file:"))


def test_a_version_is_found_by_track_alias_or_number(supply: Supply) -> None:
    """Production's without a word; what is not there is told with what is."""
    asked = (Asked(MODEL), Asked(MODEL, Track.STAGING), Asked(MODEL, alias="nightly"), Asked(MODEL, version=4))
    assert [supply.find(each).version for each in asked] == [2, 1, 3, 4]
    for wrong, told in (
        (Asked("mm"), "no registered model 'mm'. There are: m."),
        (Asked(MODEL, version=9), "no version 9. It has: 1, 2, 3, 4, 5."),
        (Asked(MODEL, alias="daily"), "no alias 'daily'. It has: nightly."),
    ):
        with pytest.raises(NotFound, match=told):
            supply.find(wrong)


def test_an_empty_track_is_told(supply: Supply, shelf: Shelf) -> None:
    """With what to do."""
    shelf.registry.set_stage(MODEL, 1, "Archived")
    with pytest.raises(NotFound, match=r"no version in Staging\. Promote one, or name one by --version"):
        supply.find(Asked(MODEL, Track.STAGING))


@pytest.mark.parametrize(("version", "told"), [(4, "It is not signed"), (5, "differs from the manifest")])
def test_what_serving_would_refuse_is_not_loaded(supply: Supply, version: int, told: str) -> None:
    """With serving's own reason."""
    with pytest.raises(Refused, match=rf"{MODEL} version {version} can't be served: .*{told}"):
        supply.load(supply.find(Asked(MODEL, version=version)))
