"""By which of a model's columns labels may name their rows, as people say by a tag in MLflow. Pure."""

from __future__ import annotations

from cuelight.registry.model import RegisteredModel
from cuelight.registry.personal import columns
from cuelight.registry.tags import KEY, PII


def key_column(model: RegisteredModel) -> str:
    """The input column; empty where there is none, or it is personal: its values are not in the journal."""
    name = model.tags.get(KEY, "").strip()
    return "" if name in columns(model) else name


def how(name: str) -> str:
    """What to do where a model has none."""
    return (
        f"No column is the key of model {name!r}. In MLflow, set {KEY} on the registered model to the input column "
        f"whose values labels name, one that is not personal ({PII})."
    )
