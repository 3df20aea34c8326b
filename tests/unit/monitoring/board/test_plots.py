"""Small plots: where points lie, and what is said of them."""

from __future__ import annotations

import re

from cuelight.monitoring.board.plots import Line, Part, lines, shares


def _paths(svg: str) -> list[str]:
    return re.findall(r'class="line [^"]*" d="([^"]*)"', svg)


def test_a_line_goes_from_side_to_side_on_a_common_scale() -> None:
    """The highest value is at the top, 0 on the floor, and other lines are held against the same."""
    svg = lines("Requests", [Line([0.0, 5.0, 10.0]), Line([10.0, 10.0, 10.0], "light")], height=32)
    assert _paths(svg) == ["M0.00 31.00L50.00 16.00L100.00 1.00", "M0.00 1.00L50.00 1.00L100.00 1.00"]


def test_a_given_top_keeps_plots_comparable() -> None:
    """Unless a value is above it."""
    assert _paths(lines("", [Line([5.0, 5.0])], height=32, top=10.0)) == ["M0.00 16.00L100.00 16.00"]
    assert _paths(lines("", [Line([20.0, 20.0])], height=32, top=10.0)) == ["M0.00 1.00L100.00 1.00"]


def test_nothing_known_is_a_gap() -> None:
    """Between two strokes; a value alone is a short one; no value at all is no line."""
    (path,) = _paths(lines("", [Line([1.0, 1.0, None, 1.0, None])], height=32))
    assert path == "M0.00 1.00L25.00 1.00M75.00 1.00h12.50"
    assert _paths(lines("", [Line([None, None]), Line([])])) == []


def test_shares_fill_the_bar() -> None:
    """Each by its size; what has none is left out, and nothing at all is an empty bar."""
    svg = shares("", [Part(30.0, "a"), Part(0.0, "b"), Part(90.0, "c")])
    assert re.findall(r'x="([\d.]+)" width="([\d.]+)"', svg) == [("0.00", "25.00"), ("25.00", "75.00")]
    assert "<rect" not in shares("", [Part(0.0, "a")])


def test_a_plot_says_what_it_shows() -> None:
    """To who cannot see it; a model's name is text, whatever is in it. No style is written into it."""
    svg = lines('<b>"x"</b>', [Line([1.0], "light")])
    assert 'role="img"' in svg
    assert "<title>&lt;b&gt;&#34;x&#34;&lt;/b&gt;</title>" in svg
    assert "style=" not in svg
