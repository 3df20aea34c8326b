"""The site: its navigation holds each page once, and what leads nowhere fails the build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import NAMES, ROOT, links

INDEX = "docs/index.md"
_OPTIONS = ["-q", "-E", "-n", "-W", "--keep-going", "-c", "docs", "."]


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the pages in `folder` as the Makefile does, into `site` there."""
    command = [sys.executable, "-m", "sphinx", *_OPTIONS, "site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small repository with our configuration, an index, and one page beside it."""
    (tmp_path / "docs").mkdir()
    for name in ("conf.py", "site.css"):
        shutil.copy(ROOT / "docs" / name, tmp_path / "docs")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## Newest\n")
    (tmp_path / INDEX).write_text("# Home\n\n## Read\n\n- [What is new](../CHANGELOG.md): by version.\n")
    return tmp_path


def test_the_lists_of_the_index_are_the_navigation(folder: Path) -> None:
    """A page in a list of the index is in the navigation by its words there; the first page leads to the index."""
    done = build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    html = (folder / "site" / INDEX).with_suffix(".html").read_text()
    _, _, tree = html.partition('<span class="caption-text">Read</span>')
    assert '<a class="reference internal" href="../CHANGELOG.html">What is new</a>' in tree.partition("</ul>")[0]
    assert "url=docs/index.html" in (folder / "site" / "index.html").read_text()


def test_what_leads_nowhere_fails(folder: Path) -> None:
    """A missing anchor, a missing page, and a page outside the navigation fail the build, each by its name."""
    (folder / "docs" / "page.md").write_text("# Page\n\n[then](../CHANGELOG.md#oldest), [there](nothing.md)\n")
    done = build(folder)
    assert done.returncode == 1
    faults = ("'oldest'", "'nothing.md'", "isn't included in any toctree")
    assert all(fault in done.stderr for fault in faults), done.stderr


def test_each_page_is_in_the_index() -> None:
    """The index links every page of ours, but itself and README."""
    named = {str((ROOT / "docs" / link).resolve().relative_to(ROOT)) for link in links(INDEX) if link.endswith(".md")}
    assert named == set(NAMES) - {INDEX, "README.md"}


def test_the_makefile_builds_as_the_tests_do() -> None:
    """The options above are those of `make docs` and `make check`."""
    assert f"sphinx-build {' '.join(_OPTIONS)}\n" in (ROOT / "Makefile").read_text()
