from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import compose
from cuelight.cli.rollback import command, line
from cuelight.kit.errors import NotFound
from cuelight.registry.memory import MemoryRegistry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryRegistry:
    """Model m with versions 1 to 3, the third in Production and champion, and a history of how that came."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    registry = MemoryRegistry()
    registry.create_model("m")
    for _ in range(3):
        registry.create_version("m", "/nowhere", "r", {})
    registry.set_stage("m", 3, "Production")
    registry.set_alias("m", "champion", 3)
    monkeypatch.setattr(compose, "registry", lambda _settings: registry)
    operations = compose.operations(compose.settings())
    for at, (version, before, track) in enumerate(
        [(1, None, "Production"), (3, 1, "Production"), (2, None, "Staging")]
    ):
        operations.record("switched", "m", version, {"track": track, "before": before}, at=100.0 + at)
    return registry


def test_the_version_before_is_put_back(registry: MemoryRegistry) -> None:
    """By stage and by the alias that is in use; what was there is archived; other tracks don't count."""
    result = CliRunner().invoke(command, ["m", "--yes"])
    assert result.output == "Version 1 of m is in Production again; 3 is archived.\n"
    model = registry.snapshot().models["m"]
    assert {number: each.stage for number, each in model.versions.items()} == {
        1: "Production",
        2: "None",
        3: "Archived",
    }
    assert model.aliases == {"champion": 1}


def test_nothing_happens_without_a_yes(registry: MemoryRegistry) -> None:
    """The question names both versions; no means no."""
    result = CliRunner().invoke(command, ["m"], input="n\n")
    assert result.exit_code == 1
    assert "Put version 1 of m back into Production, in place of 3?" in result.output
    assert registry.snapshot().models["m"].versions[3].stage == "Production"


def test_a_model_without_a_version_before_is_said_so(registry: MemoryRegistry) -> None:
    """There is nothing to go back to."""
    assert isinstance(CliRunner().invoke(command, ["other", "--yes"]).exception, NotFound)


@pytest.mark.parametrize(
    ("versions", "led"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2], [1, 2]),
        ([1, 2, 1], [1]),
        ([1, 2, 1, 3], [1, 3]),
        ([1, 2, 3, 2, 1], [1]),
        ([1, 1, 2], [1, 2]),
    ],
)
def test_going_back_twice_never_goes_forward(versions: list[int], led: list[int]) -> None:
    """A version that was gone back from is not one to go back to."""
    assert line(versions) == led
