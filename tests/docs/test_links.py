"""What the pages point at is there."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import NAMES, ROOT, SOURCES, anchors, links, spans, text


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every link to a file or a heading in this repository resolves."""
    page = ROOT / name
    for link in links(name):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link}"
        assert not anchor or anchor in anchors(target), f"{name}: no heading for {link}"


@pytest.mark.parametrize("name", NAMES)
def test_outside_links_are_addresses(name: str) -> None:
    """A link out of the repository is an HTTPS address of a public host; whether it answers is not asked."""
    for link in links(name):
        if re.match(r"[a-z]+:", link):
            address = urlsplit(link)
            assert address.scheme == "https", f"{name}: {link}"
            assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", address.netloc), f"{name}: {link}"


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist(name: str) -> None:
    """Every Python file of ours that a page names is in the repository, whole path or the end of one."""
    for span in spans(name):
        if re.fullmatch(r"[\w/]+\.py", span) and span not in _MADE_BY_READERS:
            assert any(f"/{each}".endswith(f"/{span}") for each in _sources()), f"{name}: there is no {span}"


def test_every_page_is_linked() -> None:
    """From README, following links, a reader gets to every page."""
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        found = [(ROOT / name).parent.joinpath(link.partition("#")[0]).resolve() for link in links(name)]
        waiting += [str(each.relative_to(ROOT)) for each in found if each.suffix == ".md" and each.is_file()]
    assert set(NAMES) <= reached


@pytest.mark.parametrize("name", NAMES)
def test_pages_belong_to_the_project(name: str) -> None:
    """No page names a folder of somebody's machine."""
    assert not re.search(r"(?<![\w.])/(?:home|work|tmp|root|Users)/", text(name))


@cache
def _sources() -> list[str]:
    return [str(path.relative_to(ROOT)) for root in SOURCES for path in (ROOT / root).rglob("*.py")]


_MADE_BY_READERS = ("traffic.py", "houses_pipeline.py", "diabetes_pipeline.py", "score.py", "backup.py", "__init__.py")
