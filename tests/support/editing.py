"""What people do to a registry and Cuelight never does: they delete models, and take aliases away."""

from __future__ import annotations

from typing import Protocol

from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.port import Registry

_API = "/api/2.0/mlflow/registered-models/"


class EditedRegistry(Registry, Protocol):
    """A registry, with that."""

    def delete_model(self, name: str) -> None:
        """Delete a model with all its versions; one created later by that name starts at version 1."""

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away; nothing happens if it is not there."""


class EditedMlflow(MlflowRegistry):
    """MLflow's, over HTTP; the twin in memory has it of its own."""

    def delete_model(self, name: str) -> None:
        """As its pages do."""
        self._rest.json("DELETE", f"{_API}delete", body={"name": name})

    def delete_alias(self, name: str, alias: str) -> None:
        """As its pages do."""
        self._rest.json("DELETE", f"{_API}alias", body={"name": name, "alias": alias})
