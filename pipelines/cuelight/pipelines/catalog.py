"""Pipelines by name: the shipped ones, and the user's as `module:object`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from cuelight.kit.errors import Misconfigured, NotFound
from cuelight.kit.text import meant
from cuelight.pipelines.blame import blamed
from cuelight.pipelines.pipeline import TrainingPipeline

SHIPPED = {
    "linear": "cuelight.pipelines.shipped.linear:pipeline",
    "linear_descent": "cuelight.pipelines.shipped.linear_descent:pipeline",
    "doctor_visits": "cuelight.pipelines.shipped.doctor_visits:pipeline",
    "co2": "cuelight.pipelines.shipped.co2:pipeline",
    "wine": "cuelight.pipelines.shipped.wine:pipeline",
}


def names(table: Mapping[str, str]) -> list[str]:
    """All pipelines that `find` knows: the user's first."""
    return [*table, *(each for each in SHIPPED if each not in table)]


def find(name: str, table: Mapping[str, str]) -> TrainingPipeline:
    """The pipeline of a model: the user's (`[pipelines]` in `cuelight.toml`), else the shipped one of that name.

    Modules are looked for among the installed ones, and in the current folder.

    Raises:
        NotFound: no pipeline has that name.
        Misconfigured: the entry leads to no pipeline, or to another model's.
        PipelineFault: its module raises when it is imported.
    """
    path = table.get(name) or SHIPPED.get(name)
    if path is None:
        known = names(table)
        which = f"choose from {', '.join(known)}, or name yours under [pipelines].{meant(name, known)}"
        raise NotFound(f"There is no pipeline {name!r}: {which}")
    found = _load(path)
    if found.name != name:
        raise Misconfigured(f"{path} makes model {found.name!r}, but is entered for {name!r}: make the two agree.")
    return found


def _load(path: str) -> TrainingPipeline:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise Misconfigured(f"{path!r} is no pipeline: write it as `module:object`.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
    with blamed(f"Importing {module_name}"):
        module = _module(path, module_name)
    found = getattr(module, attribute, None)
    if not isinstance(found, TrainingPipeline):
        what = "nothing of that name" if found is None else f"a {type(found).__name__}"
        raise Misconfigured(f"{path} is {what}; a TrainingPipeline is due.")
    return found


def _module(path: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and not f"{name}.".startswith(f"{error.name}."):
            raise Misconfigured(f"{path}: it needs module {error.name!r}, which is not installed.") from error
        raise Misconfigured(f"{path}: there is no module {name!r}, neither installed nor in {Path.cwd()}.") from error
