"""Which of a model's columns are personal, as people say by tags in MLflow. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cuelight.registry.model import RegisteredModel, Snapshot
from cuelight.registry.tags import PII

Personal = Mapping[str, tuple[str, ...]]
"""Names of personal columns by model, for models that have any."""


def columns(model: RegisteredModel) -> tuple[str, ...]:
    """What its tag names, and those of all its versions: a column that is personal for one is so for all."""
    texts = [model.tags.get(PII, ""), *(each.tags.get(PII, "") for each in model.versions.values())]
    return tuple(sorted({name.strip() for text in texts for name in text.split(",")} - {""}))


def personal(snapshot: Snapshot) -> Personal:
    """The personal columns of all models."""
    found = {name: columns(model) for name, model in sorted(snapshot.models.items())}
    return {name: each for name, each in found.items() if each}
