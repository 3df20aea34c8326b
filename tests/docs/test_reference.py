"""The reference is in step with the code, and the pages name only what there is."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.explanation.document import document
from cuelight.cli.explanation.sources import Sources
from cuelight.cli.main import COMMANDS
from cuelight.journal.lookup import Seen
from cuelight.journal.record import Label
from cuelight.kit.configuration import read
from cuelight.kit.settings import table
from cuelight.operations.history import Event
from cuelight.operations.retraining import RetrainRequest
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion
from tests.docs.pages import NAMES, ROOT, blocks, spans, text
from tests.support.journal import NOON, prediction

SETTINGS = {row.key for row in table()}
SECTIONS = {key.partition(".")[0] for key in SETTINGS if "." in key}
TAGS = {value for name, value in vars(tags).items() if name.isupper()}
# Tags on runs, and one that training keeps for itself: registry/tags.py holds those that people read.
OTHER_TAGS = {"cuelight.split", "cuelight.model", "cuelight.version", "cuelight.verdict"}


def test_generated_pages_are_in_step() -> None:
    """`docs/generate.py --check` finds nothing stale."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_everything_is_in_the_reference() -> None:
    """Every setting, command and tag has its line."""
    settings, commands, listed = (text(f"docs/reference/{name}.md") for name in ("settings", "cli", "tags"))
    assert [key for key in SETTINGS if f"| `{key}` |" not in settings] == []
    assert [name for name in COMMANDS if f"## cuelight {name}" not in commands] == []
    assert [tag for tag in TAGS if f"| `{tag}` |" not in listed] == []


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_are_named_exist(name: str) -> None:
    """A span like `serving.port` is a setting, and every CUELIGHT_ variable is one's variable."""
    for span in spans(name):
        found = re.fullmatch(r"([a-z]+)\.([a-z_]+)(?: = .+)?", span)
        if found and found[1] in SECTIONS and found[2] not in ("py", "db"):
            assert f"{found[1]}.{found[2]}" in SETTINGS, f"{name}: {span}"
    variables = {row.variable for row in table()} | {"CUELIGHT_CONFIG"}
    assert set(re.findall(r"\bCUELIGHT_[A-Z_]+\b", text(name))) <= variables, name


@pytest.mark.parametrize("name", NAMES)
def test_tags_that_are_named_exist(name: str) -> None:
    """A span like `cuelight.state` is a tag, a module, or the settings file."""
    for span in spans(name):
        found = re.fullmatch(r"(cuelight\.[a-z_.]+?)(?: = .+)?", span)
        if found and found[1] not in TAGS | OTHER_TAGS | {"cuelight.toml"}:
            assert importlib.util.find_spec(found[1]), f"{name}: {span}"


@pytest.mark.parametrize("name", NAMES)
def test_metrics_that_are_named_exist(name: str) -> None:
    """A metric that a page names is one that the scoring server has."""
    known = set(re.findall(r"`(cuelight_\w+)`", text("docs/reference/metrics.md")))
    assert {span for span in spans(name) if re.fullmatch(r"cuelight_\w+", span)} <= known


@pytest.mark.parametrize("name", NAMES)
def test_settings_files_in_pages_are_read(name: str) -> None:
    """Every `cuelight.toml` that a page shows is accepted."""
    for block in blocks(name):
        if block.mark == ("file", "cuelight.toml"):
            read(tomllib.loads(block.text))


def test_what_an_explanation_holds_is_documented() -> None:
    """Every key of `cuelight explain --json` is in the page."""
    lines = re.findall(r"^\| (`.+?) \| (.+) \|$", text("docs/how-to/explain-a-prediction.md"), re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", says)) for names, says in lines for name in re.findall(r"`(.+?)`", names)}
    known = json.loads(json.dumps(explained()))
    assert {key for key in told if "." not in key} == set(known)
    for name, keys in told.items():
        part = functools.reduce(lambda part, key: part[key], name.split("."), known)
        first = part[0] if part and isinstance(part, list) else part
        assert name in ("notes", "shadow") or set(first) <= keys, name


def explained() -> dict[str, Any]:
    """An explanation with all its parts."""
    asked = prediction(10, version=2, generation=2)
    lines = [("switched", 1, {"generation": 1}), ("rolled-back", 1, {"to": 2}), ("switched", 2, {"generation": 2})]
    events = [
        Event(
            number, "h", number, NOON + number, kind, "m", version, {"track": "Production", "before": 1, **detail}, ""
        )
        for number, (kind, version, detail) in enumerate(lines)
    ]
    request = RetrainRequest(1, "m", 1, "", {}, NOON, "finished", "", 1, 0.0, None, None, "staged", {})
    shadow = prediction(10, arm="shadow")
    seen, labels = [Seen("h", asked), Seen("h", shadow)], [Label(NOON, "m", "p10", 0, 1)]
    return document(Sources(seen, labels, events, ModelVersion("m", 2, 1, 1, "s"), "u", request, ("one",)))


def test_dependencies_are_explained() -> None:
    """Each dependency has its line, also an extra's, which names it; and no line is left of one that is gone."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras, *(each for extra in extras.values() for each in extra)]
    names = {re.split(r"[<>=\[]", each)[0] for each in wanted}
    rows = re.findall(r"^\| (`.+?) \|", text("docs/dependencies.md"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == names


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    """`--check` exits with 1 and names the page when a page is not what the code says."""
    copy = tmp_path / "generate.py"
    copy.write_text((ROOT / "docs" / "generate.py").read_text())
    written = subprocess.run([sys.executable, str(copy)], capture_output=True, text=True, check=False)
    assert written.returncode == 0, written.stderr
    page = tmp_path / "reference" / "tags.md"
    page.write_text(page.read_text().replace("cuelight.state", "cuelight.status"))
    checked = subprocess.run([sys.executable, str(copy), "--check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (1, "docs/reference/tags.md is stale: run `make docs`.\n")
