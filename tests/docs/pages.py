"""The pages, taken apart: fenced blocks, headings, links, and spans of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
SOURCES = ("platform", "pipelines", "serving", "monitoring", "tests", "docs", "benchmarks", "deploy")

_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- (runnable|file): (.+?) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the mark in a comment right before it, as (kind, words)."""

    language: str
    text: str
    mark: tuple[str, str] = ("", "")


def text(name: str) -> str:
    """A page's Markdown."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """The page's fenced blocks, in order."""
    content, found = text(name), []
    for match in _FENCE.finditer(content):
        mark = _COMMENT.search(content[: match.start()])
        found.append(Block(match[1], match[2], (mark[1], mark[2]) if mark else ("", "")))
    return found


def prose(name: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text(name))


def spans(name: str) -> list[str]:
    """What is set as code within lines."""
    return re.findall(r"`([^`\n]+)`", prose(name))


def links(name: str) -> Iterator[str]:
    """Targets of links and pictures."""
    yield from re.findall(r"\]\(([^)\s]+)\)", prose(name))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    content = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


def commands(name: str) -> list[str]:
    """Shell lines of the page's `sh` blocks (continued lines joined), and the examples in help texts."""
    lines = []
    for block in blocks(name):
        if block.language == "sh":
            lines += block.text.replace("\\\n", " ").splitlines()
        lines += re.findall(r"^\s*Example: (.+)$", block.text, re.MULTILINE)
    return [each.strip() for each in lines if each.strip()]
