"""Tests of finding pipelines by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cuelight.kit.errors import Misconfigured, NotFound
from cuelight.pipelines import catalog
from cuelight.pipelines.blame import PipelineFault

MODULE = """
from dataclasses import replace
from cuelight.pipelines.shipped.linear import pipeline as linear
pipeline = replace(linear, name="mine")
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of the user's in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "users_own_pipelines.py").write_text(MODULE)
    (tmp_path / "users_broken_pipelines.py").write_text("import a_module_that_is_not_there")
    (tmp_path / "users_raising_pipelines.py").write_text("\nlevels = {}['low']")
    (tmp_path / "users_misspelt_pipelines.py").write_text("\n\ndef (")
    return tmp_path


@pytest.mark.parametrize("name", list(catalog.SHIPPED))
def test_each_shipped_pipeline_is_found_under_its_model_name(name: str) -> None:
    """A shipped name leads to a pipeline for the model of that name."""
    assert catalog.find(name, {}).name == name


@pytest.mark.usefixtures("folder")
def test_a_pipeline_of_the_users_is_found_in_the_current_folder() -> None:
    """`module:object` is imported from where the command runs."""
    assert catalog.find("mine", {"mine": "users_own_pipelines:pipeline"}).name == "mine"


def test_the_users_entry_goes_before_a_shipped_one() -> None:
    """A table entry under a shipped name is what counts."""
    with pytest.raises(Misconfigured, match="makes model 'wine', but is entered for 'linear'"):
        catalog.find("linear", {"linear": "cuelight.pipelines.shipped.wine:pipeline"})


def test_an_unknown_name_lists_those_that_there_are() -> None:
    """The error names the user's and the shipped pipelines."""
    with pytest.raises(NotFound, match="mine, linear, linear_descent"):
        catalog.find("nothing", {"mine": "x:y"})


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("users_own_pipelines", "write it as `module:object`"),
        ("users_own_pipelines:absent", "nothing of that name"),
        ("users_own_pipelines:number", "a int; a TrainingPipeline is due"),
        ("no_such_module_here:pipeline", "no module 'no_such_module_here'"),
        ("users_broken_pipelines:pipeline", "needs module 'a_module_that_is_not_there'"),
    ],
)
def test_an_entry_that_leads_nowhere_says_why(path: str, words: str) -> None:
    """Each way an entry can be wrong has its own words."""
    with pytest.raises(Misconfigured, match=words):
        catalog.find("mine", {"mine": path})


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("users_raising_pipelines", r"KeyError: 'low' \(.*users_raising_pipelines\.py, line 2\)"),
        ("users_misspelt_pipelines", r"SyntaxError: .* \(.*users_misspelt_pipelines\.py, line 3\)"),
    ],
)
def test_a_module_that_raises_is_told_in_a_line_with_its_place(module: str, words: str) -> None:
    """Faults in the user's module name the error, the file and the line."""
    with pytest.raises(PipelineFault, match=f"^Importing {module} failed: {words}\\.$"):
        catalog.find("mine", {"mine": f"{module}:pipeline"})
