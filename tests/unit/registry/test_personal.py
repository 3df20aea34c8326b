"""Which columns are personal, by tags."""

from __future__ import annotations

from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot
from cuelight.registry.personal import personal


def _version(number: int, **tags: str) -> ModelVersion:
    return ModelVersion("m", number, 1, 1, "s", tags={name.replace("_", "."): text for name, text in tags.items()})


def test_a_models_tag_and_those_of_its_versions_count() -> None:
    """Together, for all versions: what is personal in one is so in all."""
    versions = {1: _version(1, cuelight_pii="name"), 2: _version(2, other="x"), 3: _version(3, cuelight_pii="age , b")}
    tagged = RegisteredModel("m", tags={"cuelight.pii": " name,  e mail ,,"}, versions=versions)
    empty = RegisteredModel("n", tags={"cuelight.pii": " , "}, versions={1: _version(1)})
    assert personal(Snapshot({"m": tagged, "n": empty})) == {"m": ("age", "b", "e mail", "name")}
