"""The page on the API, over a real host: what it shows to copy is answered."""

from __future__ import annotations

import re
import shlex
import subprocess
from html import unescape
from pathlib import Path

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.server import build
from tests.support.host import Host
from tests.support.ports import free_port


def test_what_the_page_shows_can_be_called(typed: Host, tmp_path: Path) -> None:
    """Each model with its columns; the call by curl, run as it stands at the host, has a prediction."""
    settings = Settings(home=tmp_path, serving_port=typed.settings.serving_port)
    client = build(settings, dict).test_client()
    page = client.get("/board/api", base_url=typed.url).text
    assert re.findall(r"POST ([^<\s]+)</code>", page) == ["/models/mixed/invocations", "/models/numbers/invocations"]
    assert "number (double), or null" in page
    calls = [unescape(each) for each in re.findall(r"in curl\">(.*?)</pre>", page, re.DOTALL)]
    assert len(calls) == 2
    for call in calls:
        done = subprocess.run(shlex.split(call.replace("\\\n", "")), capture_output=True, text=True, timeout=60)
        assert '{"predictions":[' in done.stdout, done


def test_without_a_host_the_page_says_so(tmp_path: Path) -> None:
    """As every page of the board says what is wrong: in words, and not with a traceback."""
    client = build(Settings(home=tmp_path, serving_port=free_port()), dict).test_client()
    answer = client.get("/board/api")
    assert answer.status_code >= 500
    assert "No replica answers" in answer.text
