"""The documentation as a site: `make docs` runs Sphinx with this over the Markdown as it is, into build/site.

Sources are read from the repository's root, so that a page's address is its path, and links mean the same on a code
host. The lists of docs/index.md are the navigation.
"""
# ruff: noqa: INP001  (docs is a folder of pages, no package)

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Cuelight"
html_title = project
root_doc = "docs/index"
include_patterns = ["docs/**.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build"]  # not even walked through
extensions = ["myst_parser"]
myst_heading_anchors = 4  # as a code host names them
suppress_warnings = ["misc.highlighting_failure"]  # shown answers hold `…` where anything may stand
html_theme = "furo"
html_show_copyright = False
html_copy_source = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]

_ENTRY = re.compile(r"^- \[(.+?)\]\((\S+?)\.md\)", re.MULTILINE)
_FIRST_PAGE = '<!doctype html><title>{0}</title><meta http-equiv="refresh" content="0; url={1}">\n'


def navigation(index: str, folder: str) -> Iterator[str]:
    """Lines of MyST that make a hidden tree of each heading's list of pages; `folder` is where the index is."""
    for part in index.split("\n## ")[1:]:
        heading, _, rest = part.partition("\n")
        entries = _ENTRY.findall(rest)
        if entries:
            yield from ("", "```{toctree}", ":hidden:", f":caption: {heading}", "")
            yield from (f"{title} <{_absolute(folder, path)}>" for title, path in entries)
            yield "```"


def _absolute(folder: str, path: str) -> str:
    return "/" + (path.removeprefix("../") if path.startswith("../") else str(PurePosixPath(folder, path)))


def _navigate(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        source[0] += "\n".join(navigation(source[0], str(PurePosixPath(page).parent)))


def _open_at_index(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        first = _FIRST_PAGE.format(project, app.builder.get_target_uri(app.config.root_doc))
        Path(app.outdir, "index.html").write_text(first, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """What Sphinx calls when it starts."""
    app.connect("source-read", _navigate)
    app.connect("build-finished", _open_at_index)
