"""Where a login leads, and what comes from a page of ours."""

from __future__ import annotations

import pytest

from cuelight.monitoring.board.session import destination, is_ours


@pytest.mark.parametrize("path", ["/", "/mlflow/", "/mlflow/?x=1&y=/z", "/models"])
def test_a_path_of_ours_is_gone_to(path: str) -> None:
    """As it is."""
    assert destination(path) == path


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "mlflow/",
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "/ä",
        "/" + "x" * 3000,
    ],
)
def test_no_other_site_is_gone_to(wanted: str) -> None:
    """Whatever browsers would make of it: the board instead."""
    assert destination(wanted) == "/"


@pytest.mark.parametrize(
    ("method", "site", "origin", "ours"),
    [
        ("GET", "cross-site", "https://evil.example", True),
        ("POST", "same-origin", "", True),
        ("POST", "none", "", True),
        ("POST", "same-site", "http://board:8080", False),
        ("DELETE", "cross-site", "", False),
        ("POST", "", "http://board:8080", True),
        ("POST", "", "http://board:9090", False),
        ("POST", "", "null", False),
        ("POST", "", "", True),
    ],
)
def test_what_changes_something_must_come_from_our_pages(method: str, site: str, origin: str, ours: bool) -> None:
    """The browser says where it comes from; what says nothing is no browser."""
    assert is_ours(method, site, origin, "board:8080") is ours
