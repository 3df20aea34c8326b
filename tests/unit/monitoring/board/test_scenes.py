"""The front page over real files and rows: empty, with few models, and when all goes wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import urllib3

from tests.support.board import Scene, broken, one, several, shown
from tests.support.host import eventually


def _page(address: str) -> str:
    def read() -> str:
        return urllib3.request("GET", address).data.decode()

    eventually(lambda: "being read" not in read(), reason="the last hour is not read")
    return read()


def _names(page: str) -> list[str]:
    return re.findall(r'class="plain name" href="/board/models/([^"]*)"', page)


def test_one_model_shows_its_hour(tmp_path: Path) -> None:
    """Versions, requests, latency, verdict and quality; nothing needs attention."""
    with shown(one(), tmp_path / "home") as address:
        page = _page(address)
    assert _names(page) == ["wine"]
    for text in ("v3", "nothing", "accuracy", "0.934", "100 % to Production", "Latency of wine over the last hour"):
        assert text in page
    (counted,) = re.findall(r"Requests, last hour</dt><dd>([\d,]+)<", page)
    assert 1_800 < int(counted.replace(",", "")) <= 2_000


def test_an_empty_board_says_what_to_do(tmp_path: Path) -> None:
    """With a replica: train and promote; without one: start it."""
    with shown(Scene(), tmp_path / "home") as address:
        assert "cuelight train wine" in _page(address)
    with shown(Scene(up=0, down=1), tmp_path / "away") as address:
        page = _page(address)
    assert "Start them: cuelight up." in page
    assert page.count("No replica answers") == 1


def test_a_canary_is_seen_as_such(tmp_path: Path) -> None:
    """Its share, and where its rollout is; a shadow is no share."""
    with shown(several(), tmp_path / "home") as address:
        page = _page(address)
    assert "Requests of churn: 90 % to Production, 10 % to Staging" in page
    assert "step 2 of 3" in page
    assert "Requests of fraud_score: 100 % to Production, 0 % to Staging" in page


def test_all_troubles_are_told(tmp_path: Path) -> None:
    """A rollback, a refusal, a job, errors, a replica that is gone; a very long name is shown whole."""
    with shown(broken(), tmp_path / "home") as address:
        page = _page(address)
    for title in (
        "churn version 13 is rolled back",
        "fraud_score version 9 is refused",
        "Job retrain failed",
        "replica-2 is down",
        "fraud_score version 7: bad data",
    ):
        assert title in page
    assert re.search(r"churn: \d+ % failed in the last hour", page)
    assert _names(page)[0] == "churn"
    assert len(max(_names(page), key=len)) > 80


@pytest.mark.parametrize(
    ("damaged", "says"), [("operations.db", "What alerts know is missing"), ("journal", "The last hour is missing")]
)
def test_what_is_damaged_takes_nothing_else_with_it(tmp_path: Path, damaged: str, says: str) -> None:
    """It is said, and the models are there all the same."""

    def harm(home: Path) -> None:
        for file in [home / damaged, *(home / damaged).glob("**/*.parquet")]:
            if file.is_file():
                file.write_bytes(b"no such format" * 1000)

    with shown(one(), tmp_path / "home", harm) as address:
        eventually(lambda: says in urllib3.request("GET", address).data.decode(), reason="nothing is said")
        assert "v3" in urllib3.request("GET", address).data.decode()
