from __future__ import annotations

from urllib.parse import unquote

import pytest

from cuelight.serving.answering.attempt import header_text


@pytest.mark.parametrize("name", ["m", "a b%c", "größe", "x\r\nSet-Cookie: y", "模型", 'quo"te', "t\tab", "/"])
def test_odd_names_fit_into_a_header(name: str) -> None:
    """Plain ASCII without control characters, from which the name can be had back."""
    text = header_text(name)
    assert text.isascii()
    assert text.isprintable()
    assert unquote(text) == name


def test_plain_names_stay_as_they_are() -> None:
    """What needs no encoding has none."""
    assert header_text("churn-eu_v2.1 (new)") == "churn-eu_v2.1 (new)"
