"""`cuelight promote` and `cuelight trust`, on a real registry."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuelight.cli import promote, trust
from cuelight.kit.errors import BadInput, NotFound
from cuelight.kit.identity import new_id
from cuelight.kit.signing import TrustedKeys
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import RegisteredModel
from cuelight.registry.tracking import Tracking

pytestmark = pytest.mark.server


class Desk:
    """A model with three versions that hold one file each, and a person at the command line."""

    def __init__(self, url: str, home: Path) -> None:
        self._environment = {"CUELIGHT_REGISTRY_URI": url, "CUELIGHT_HOME": str(home), "CUELIGHT_CONFIG": os.devnull}
        self.registry = MlflowRegistry(url)
        self.name = f"desk {new_id()}"
        with Tracking(url).run("contract/desk", "files") as run:
            run.text("flavors: {}", "model/MLmodel")
            run.text("weights", "model/data/weights.txt")
        self.run_id = run.id
        self.registry.create_model(self.name)
        for _ in range(3):
            self.registry.create_version(self.name, f"runs:/{run.id}/model", run.id, {})

    def types(self, command: object, *words: str, answer: str | None = None) -> Result:
        """Run a command; errors come out as they are."""
        runner = CliRunner(env=self._environment)
        return runner.invoke(command, [self.name, *words], input=answer, catch_exceptions=False)  # type: ignore[arg-type]

    @property
    def model(self) -> RegisteredModel:
        """What the registry shows now."""
        return self.registry.snapshot().models[self.name]


@pytest.fixture
def desk(mlflow_server: str, tmp_path: Path) -> Desk:
    """A fresh model, and an installation of its own."""
    return Desk(mlflow_server, tmp_path / "home")


def test_promotion_says_and_does_one_thing(desk: Desk) -> None:
    """Production by default, archiving only when asked, aliases alone leave the stage as it is."""
    assert desk.types(promote.command, "1").output == f"Version 1 of {desk.name} is in Production now.\n"
    result = desk.types(promote.command, "3", "--archive-others")
    assert result.output == f"Version 3 of {desk.name} is in Production now; archived: 1.\n"
    result = desk.types(promote.command, "2", "--alias", "challenger", "--json")
    assert json.loads(result.output) == {
        "model": desk.name, "version": 2, "stage": None, "alias": "challenger", "archived": []
    }  # fmt: skip
    assert [each.stage for each in desk.model.versions.values()] == ["Archived", "None", "Production"]
    assert desk.model.aliases == {"challenger": 2}
    assert (
        desk.types(promote.command, "3", "--stage", "none").output == f"Version 3 of {desk.name} is in no stage now.\n"
    )


def test_what_is_not_there_is_named(desk: Desk) -> None:
    """A version that is not there, or an impossible alias, is an error that helps, and nothing moves."""
    with pytest.raises(NotFound, match="1, 2, 3"):
        desk.types(promote.command, "9", "--archive-others")
    with pytest.raises(BadInput, match="latest"):
        desk.types(promote.command, "1", "--stage", "Production", "--alias", "latest")
    assert desk.types(promote.command, "1", "--alias", "a", "--archive-others").exit_code == 2
    assert {each.stage for each in desk.model.versions.values()} == {"None"}


def test_a_trusted_version_carries_its_signature(desk: Desk, tmp_path: Path) -> None:
    """After a yes, the version's tags hold a manifest of its files, signed by a key that this installation trusts."""
    result = desk.types(trust.command, "2", answer="y\n")
    assert "data/weights.txt" in result.output
    written = desk.model.versions[2].tags
    manifest = Manifest.from_json(written[tags.MANIFEST])
    assert (manifest.model, manifest.run_id) == (desk.name, desk.run_id)
    assert set(manifest.files) == {"MLmodel", "data/weights.txt"}
    assert TrustedKeys.load(tmp_path / "home" / "keys").verify(manifest, written[tags.SIGNATURE])
    (tmp_path / "again").mkdir()
    desk.registry.fetch(desk.model.versions[2], tmp_path / "again")
    manifest.verify(tmp_path / "again")


def test_without_a_yes_nothing_is_signed(desk: Desk, tmp_path: Path) -> None:
    """A no leaves the version unsigned, and makes no key."""
    assert desk.types(trust.command, "2", answer="n\n").exit_code == 1
    assert desk.model.versions[2].tags == {}
    assert not (tmp_path / "home" / "keys").exists()
