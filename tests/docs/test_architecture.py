"""The architecture page is true of the code: its table, and its pictures."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.docs.pages import ROOT, SOURCES, text

PAGE = "docs/architecture.md"
ROWS = re.findall(r"^\| (.+?) \| `([\w/]+\.py)` \| (.+?) \|$", text(PAGE), re.MULTILINE)


@pytest.mark.parametrize(("what", "path", "names"), ROWS)
def test_what_is_to_be_changed_is_there(what: str, path: str, names: str) -> None:
    """Each row of the table names a file from the repository's root, and what is defined in it."""
    source = (ROOT / path).read_text(encoding="utf-8")
    for name in re.findall(r"`(\w+)`", names):
        assert re.search(rf"^(?:(?:def|class) {name}\b|{name}(?:: .+)? = )", source, re.MULTILINE), (
            f"{what}: no {name} in {path}"
        )


def test_the_table_is_read() -> None:
    """What a stranger asks for first is among the rows that the test above saw."""
    asked = ("how a canary is chosen", "how drift is judged", "what the follower does next")
    assert all(any(what.startswith(words) for what, _, _ in ROWS) for words in asked)
    assert len(ROWS) > 50


def test_folders_that_are_named_exist() -> None:
    """Every folder that the page sets in bold, or in a table's first column, is in the repository."""
    named = re.findall(r"^(?:\*\*|\| )`([\w/-]+?)/?`", text(PAGE), re.MULTILINE)
    files = [path.relative_to(ROOT) for root in SOURCES for path in (ROOT / root).rglob("*.*")]
    folders = {str(parent) for path in files for parent in path.parents}
    missing = [name for name in named if not any(f"/{each}".endswith(f"/{name}") for each in folders)]
    assert (len(named) > 20, missing) == (True, [])


def test_the_pictures_are_those_of_the_script() -> None:
    """`docs/drawings.py` draws what is in the pages."""
    script = runpy.run_path(str(ROOT / "docs" / "drawings.py"))
    for name in ("processes", "promotion"):
        assert (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8") == script[name.upper()]
