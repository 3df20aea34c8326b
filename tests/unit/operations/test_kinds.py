from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cuelight.operations.kinds import MEANINGS, Kind

_ROOT = Path(__file__).resolve().parents[3]
_LINES = "from cuelight.serving.host.changes import"  # of the history; the board's plots have lines too
_IMPORT = "from cuelight.operations.kinds import Kind"


def _written() -> Iterator[str]:
    """The kinds that the sources write: texts given to `record` or `Line`, and members of `Kind`."""
    for root in ("platform", "pipelines", "serving", "monitoring"):
        for path in (_ROOT / root).rglob("*.py"):
            text = path.read_text()
            yield from (Kind[each] for each in re.findall(r"\bKind\.([A-Z_]+)", text) if _IMPORT in text)
            yield from re.findall(r"""\brecord\(\s*"([^"]+)\"""", text)
            if _LINES in text or path.name == "changes.py":
                yield from re.findall(r"""\bLine\(\s*"([^"]+)\"""", text)


def test_every_kind_that_is_written_is_listed_and_explained() -> None:
    """No line is of a kind that the reference does not know, and none is listed that nobody writes."""
    assert set(_written()) == set(Kind)
    assert MEANINGS.keys() == set(Kind)
