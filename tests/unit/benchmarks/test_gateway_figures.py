"""The gateway's figures: kept, read back, and shown on their page."""

from __future__ import annotations

from pathlib import Path

from benchmarks import gateway_figures
from benchmarks.gateway_figures import PAGE, Figures, keep, read
from benchmarks.tables import Table


def _figures(title: str, *cells: str) -> Figures:
    return Figures(Table(title, ["load", "ratio"], [list(cells)]), "1 round.")


def test_new_figures_take_the_place_of_old_ones_of_that_name(tmp_path: Path) -> None:
    """The others stay; the page shows both, and what else it says stays as well."""
    file, page = tmp_path / "figures.json", tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- figures -->\n<!-- end of figures -->\n\nMore.\n")
    keep("cost", _figures("Cost: medians", "little", "2.0"), file, page)
    keep("overload", _figures("Overload", "all", "0.9"), file, page)
    keep("cost", _figures("Cost: medians", "little", "1.5"), file, page)
    assert read(file) == {
        "cost": _figures("Cost: medians", "little", "1.5"),
        "overload": _figures("Overload", "all", "0.9"),
    }
    shown = page.read_text()
    assert ("| little | 1.5 |" in shown, "2.0" in shown, "| all | 0.9 |" in shown) == (True, False, True)
    assert "- **Cost**: 1 round." in shown
    assert shown.endswith("More.\n")


def test_the_page_shows_what_is_kept(tmp_path: Path) -> None:
    """Written anew from the published figures it is the same."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    gateway_figures.write(read(), page)
    assert page.read_text() == PAGE.read_text()
