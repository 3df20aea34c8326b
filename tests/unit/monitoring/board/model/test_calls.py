"""Calls to copy: each is run by its own language, so quotes in names and rows must hold."""

from __future__ import annotations

import json
import shlex
from typing import Any

from cuelight.monitoring.board.model.calls import calls, text

_ODD = """it's "5" \\ $HOME é"""
_BODY = {"dataframe_split": {"columns": ["x", _ODD], "data": [[None, True]]}}


def _texts(asks_for_token: bool) -> dict[str, str]:
    return {each.language: each.text for each in calls("http://gate:8080", "a/wine's", _BODY, asks_for_token)}


def test_the_shell_reads_the_same_rows() -> None:
    """As a shell splits it: address, headers and body."""
    words = shlex.split(_texts(asks_for_token=False)["curl"])
    assert words[:2] == ["curl", "http://gate:8080/models/a%2Fwine%27s/invocations"]
    assert json.loads(words[-1]) == _BODY
    assert '"Authorization: Bearer $CUELIGHT_ACCESS_TOKEN"' in _texts(asks_for_token=True)["curl"]


def test_python_sends_the_same_rows(monkeypatch: Any) -> None:
    """The text is run, with what it sends caught on its way out."""
    import requests

    sent: list[tuple[Any, ...]] = []

    class Answer:
        def raise_for_status(self) -> None: ...

        def json(self) -> dict[str, list[int]]:
            return {"predictions": [1]}

    def post(url: str, **options: Any) -> Answer:
        sent.append((url, options["json"], options.get("headers")))
        return Answer()

    monkeypatch.setattr(requests, "post", post)
    monkeypatch.setenv("CUELIGHT_ACCESS_TOKEN", "t")
    for asks in (False, True):
        exec(_texts(asks)["Python"], {})
    url = "http://gate:8080/models/a%2Fwine%27s/invocations"
    assert sent == [(url, _BODY, None), (url, _BODY, {"Authorization": "Bearer t"})]


def test_javascript_holds_them_as_json() -> None:
    """What is between the brackets of `JSON.stringify` is the body."""
    found = _texts(asks_for_token=True)["JavaScript"]
    inner = found.partition("JSON.stringify(")[2].partition("),\n")[0]
    assert json.loads(inner) == _BODY
    assert "process.env.CUELIGHT_ACCESS_TOKEN" in found


def test_a_body_for_people_is_still_json() -> None:
    """Its rows on lines of their own."""
    shown = text(_BODY)
    assert json.loads(shown) == _BODY
    assert len(shown.splitlines()) == 3
    assert json.loads(text({"inputs": [[1]], "params": {"a": 1}})) == {"inputs": [[1]], "params": {"a": 1}}
