from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import known
from cuelight.cli.completion import command
from cuelight.kit.settings import Settings
from cuelight.serving.host import repertoire
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import Listed, Listing, Repertoire

_ASK = """
eval "$(cuelight completion bash)"
COMP_WORDS=(cuelight {words}) COMP_CWORD={place}
_cuelight_completion cuelight
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A host that knows two models."""
    settings = Settings(home=tmp_path)
    models = {"wine": Listed({1: Listing(1, 0), 12: Listing(12, 0)}), "churn": Listed()}
    repertoire.write(Places(settings.serving_folder).repertoire, Repertoire(models))
    return settings


def completed(settings: Settings, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = _ASK.format(words=" ".join(words), place=len(words))
    environment = {**os.environ, "PATH": programs, "CUELIGHT_HOME": str(settings.home)}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pro",), ["promote"]),
        (("fol",), []),
        (("token", "re"), ["revoke"]),
        (("promote", "w"), ["wine"]),
        (("promote", "wine", "1"), ["12", "1"]),
        (("drain", "rep"), ["replica-1"]),
        (("train", "linear"), ["linear", "linear_descent"]),
        (("history", "--veri"), ["--verify"]),
    ],
)
def test_a_shell_completes(words: tuple[str, ...], offered: list[str], settings: Settings) -> None:
    """Commands, options, models, versions, replicas and pipelines, as bash itself has them; internal commands not."""
    assert completed(settings, *words) == offered


def test_settings_that_can_t_be_read_complete_nothing(settings: Settings, tmp_path: Path) -> None:
    """And say nothing: the shell is amid a line."""
    (settings.home / "replicas.json").write_text("nonsense")
    assert completed(settings, "drain", "rep") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_text(shell: str) -> None:
    """Each asks the program that it completes."""
    result = CliRunner().invoke(command, [shell])
    assert result.exit_code == 0
    assert f"_CUELIGHT_COMPLETE={shell}_complete" in result.output


def test_a_model_that_was_mistyped(settings: Settings) -> None:
    """The nearest one that is known; nothing for one that is known itself, or is like none."""
    assert known.hint(settings, "wnie") == " Is it `wine`?"
    assert known.hint(settings, "Wine") == " Is it `wine`?"
    assert [known.hint(settings, name) for name in ("wine", "doctor_visits")] == ["", ""]
