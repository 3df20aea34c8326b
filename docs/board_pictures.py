"""Draw the pictures of the board for the docs: `python -m docs.board_pictures`. Needs Chromium.

With a folder, `python -m docs.board_pictures FOLDER`, every scene is drawn into it on a laptop and on a phone, in light
and dark, to be looked at after a change. With an address, `python -m docs.board_pictures http://127.0.0.1:8080`, the
page of the demo's model is drawn: run `make demo` first.
"""
# ruff: noqa: INP001  (docs is a folder of pages, no package)

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.ui import browser_page
from tests.support.board import Scene, broken, fleet, one, several, shown, sixty

PICTURES = Path(__file__).parent / "pictures"
_SCENES = {"empty": Scene, "one": one, "several": several, "sixty": sixty, "fleet": fleet, "broken": broken}
_SIZES: dict[str, ViewportSize] = {
    "laptop": {"width": 1440, "height": 900},
    "phone": {"width": 390, "height": 844},
    "model": {"width": 1440, "height": 1480},  # down to the quality on labels
}
_SCHEMES = ("light", "dark")


def main() -> None:
    """Write the pictures."""
    with browser_page() as page:
        if len(sys.argv) > 1 and sys.argv[1].startswith("http"):
            _draw(page, f"{sys.argv[1]}/board/models/doctor_visits", "light", "model", PICTURES / "model.png")
        elif len(sys.argv) > 1:
            _all(page, Path(sys.argv[1]))
        else:
            _for_docs(page)


def _for_docs(page: Page) -> None:
    with tempfile.TemporaryDirectory() as home, shown(several(), Path(home)) as address:
        _draw(page, address, "light", "laptop", PICTURES / "board.png")
        _draw(page, address, "light", "phone", PICTURES / "board-phone.png")
    with tempfile.TemporaryDirectory() as home, shown(fleet(), Path(home)) as address:
        _draw(page, address, "light", "laptop", PICTURES / "hosts.png")


def _all(page: Page, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, scene in _SCENES.items():
        with tempfile.TemporaryDirectory() as home, shown(scene(), Path(home)) as address:
            for scheme, size in product(_SCHEMES, ("laptop", "phone")):
                _draw(page, address, scheme, size, folder / f"{name}-{size}-{scheme}.png")


def _draw(page: Page, address: str, scheme: str, size: str, picture: Path) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
    page.set_viewport_size(_SIZES[size])
    page.goto(address)
    for waited in ("being read", "being computed"):
        expect(page.get_by_text(waited)).to_have_count(0, timeout=60_000)
    page.screenshot(path=picture)


if __name__ == "__main__":
    main()
