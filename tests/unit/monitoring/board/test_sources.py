"""What the board makes of what answers where a serving host should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.sources import Sources
from tests.support.fault_server import answer, failing


@pytest.mark.parametrize(
    ("body", "status", "trouble"),
    [
        (b'{"models": []}', "200 OK", ""),
        (b'{"message": "This worker is still loading."}', "503 Busy", "This worker is still loading."),
        (b"[]", "200 OK", "answers 200, and not as a serving host does"),
        (b'"no"', "404 No", "answers 404, and not as a serving host does"),
        (b"{}", "200 OK", "answers 200, and not as a serving host does"),
        (b"<html>", "200 OK", ""),
    ],
)
def test_what_is_no_answer_of_a_serving_host_is_told_and_not_read(
    tmp_path: Path, body: bytes, status: str, trouble: str
) -> None:
    """By its own message where it has one; another program on the port is no fault of the board's."""
    with failing(answer(body, status)) as url:
        settings = Settings(home=tmp_path, serving_port=int(url.rpartition(":")[2]))
        (seen,) = Sources(settings, dict).seen()
    assert seen.trouble == trouble
    assert (seen.document is not None) == (b"models" in body)
