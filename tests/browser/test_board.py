"""People at the board: screen readers and keyboards get everywhere, and nothing jumps while it renews itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.stores import Stores
from cuelight.operations import figures
from cuelight.operations.figures import Figures
from cuelight.registry.memory import MemoryRegistry
from tests.browser.ui import browser_page
from tests.support.board import Scene, broken, fleet, one, several, shown, sixty

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
_LONG_MS = 60_000
_MEANT = ("ERR_CONNECTION_REFUSED", "404 (NOT FOUND)")  # a board that is gone, a page about what is not there
_PHONE, _LAPTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A browser, the same for all: each test goes where it needs to."""
    with browser_page(1440, 900) as page:
        yield page


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complained about: a policy that was broken, a script that failed."""
    found: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(each in message.text for each in _MEANT):
            found.append(message.text)

    page.on("console", heard)
    yield found
    page.remove_listener("console", heard)
    assert not found


def _open(page: Page, address: str, scheme: str = "light") -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
    page.goto(address)
    expect(page.get_by_text("being read")).to_have_count(0, timeout=_LONG_MS)


def _faults(page: Page) -> list[str]:
    """What axe-core finds that keeps people out, on the page as it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scene", [Scene, several, broken, fleet])
def test_axe_finds_no_serious_fault(page: Page, tmp_path: Path, scene: type[Scene]) -> None:
    """In light and dark, on a laptop and on a phone; and nothing sticks out of a phone's screen."""
    with shown(scene(), tmp_path / "home") as address:
        for scheme, size in (("light", _LAPTOP), ("dark", _LAPTOP), ("light", _PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]  # a width and a height
            _open(page, address, scheme)
            assert not _faults(page), (scheme, size)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_axe_finds_no_serious_fault_in_questions(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page before a promotion, the one after it, what is told where something fails, and the login."""
    registry = MemoryRegistry()
    registry.create_model("wine")
    registry.create_version("wine", "/nowhere", "r", {"cuelight.gate_reason": "All floors are met."})
    monkeypatch.setattr(Stores, "registry_for", lambda _self, _person: registry)
    paths = [f"/board/models/wine/{each}" for each in ("promote?version=1", "moved?version=1", "rollback")]
    with shown(one(), tmp_path / "open") as here, shown(one(), tmp_path / "guarded", access_required=True) as guarded:
        for scheme, address in product(("light", "dark"), [*(here + each for each in paths), guarded]):
            _open(page, address, scheme)
            assert not _faults(page), (scheme, address)
    expect(page.get_by_label("Your token")).to_be_visible()


def test_what_matters_is_seen_without_scrolling(page: Page, tmp_path: Path) -> None:
    """On a laptop: five models with their replicas; the worst of sixty."""
    page.set_viewport_size(_LAPTOP)  # type: ignore[arg-type]  # a width and a height
    with shown(several(), tmp_path / "several") as address:
        _open(page, address)
        expect(page.get_by_role("row", name="replica-2")).to_be_in_viewport(ratio=1.0)
    with shown(sixty(), tmp_path / "sixty") as address:
        _open(page, address)
        expect(page.get_by_role("row", name="fraud_score_c")).to_be_in_viewport(ratio=1.0)
        expect(page.get_by_role("row", name="price_elasticity_a")).to_be_in_viewport(ratio=1.0)
        rows = page.locator("#models > tr:visible")
        expect(rows).to_have_count(60)
        page.get_by_placeholder("Filter").fill("fraud critical")
        expect(rows).to_have_count(0)
        page.get_by_placeholder("Filter").fill("FRAUD")
        expect(rows).to_have_count(7)
        assert not _faults(page)


def test_a_renewal_changes_what_is_new_and_nothing_else(page: Page, tmp_path: Path) -> None:
    """What was opened, typed and scrolled to stays, as do focus and the rows themselves."""
    home = tmp_path / "home"
    with shown(sixty(), home) as address:
        page.set_viewport_size(_LAPTOP)  # type: ignore[arg-type]  # a width and a height
        _open(page, address)
        page.get_by_placeholder("Filter").fill("wine")
        page.evaluate("document.getElementById('model-wine_a').seen = true; scrollTo(0, 150)")
        model, now = "wine_a", time.time()
        figures.write(Settings(home=home).figures_folder, Figures(model, 3, now, "degraded", 4000, 900))
        row = page.get_by_role("row", name=model)
        expect(row).to_contain_text("degraded", timeout=_LONG_MS)
        assert page.evaluate("document.getElementById('model-wine_a').seen")
        assert page.evaluate("scrollY") == 150
        expect(page.get_by_placeholder("Filter")).to_be_focused()
        expect(page.get_by_placeholder("Filter")).to_have_value("wine")
        expect(page.locator("#models > tr:visible")).to_have_count(8)


def test_details_stay_open(page: Page, tmp_path: Path) -> None:
    """While what they are about is renewed."""
    with shown(broken(), tmp_path / "home") as address:
        _open(page, address)
        page.get_by_text("2 more").click()
        before = page.get_by_text("As of").inner_text()
        expect(page.get_by_text("As of")).not_to_have_text(before, timeout=_LONG_MS)
        expect(page.get_by_text("replica-2 is down")).to_be_visible()


def test_a_board_that_is_gone_is_said_to_be(page: Page, tmp_path: Path) -> None:
    """What is shown stays, with a word that it is old."""
    with shown(one(), tmp_path / "home") as address:
        _open(page, address)
    expect(page.get_by_role("status")).to_contain_text("No answer since", timeout=_LONG_MS)
    expect(page.get_by_role("row", name="wine")).to_be_visible()


def test_the_theme_is_kept(page: Page, tmp_path: Path) -> None:
    """What a person has chosen counts, not what the system says."""
    with shown(one(), tmp_path / "home") as address:
        _open(page, address)
        page.get_by_role("button", name="Dark").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_the_keyboard_gets_everywhere(page: Page, tmp_path: Path) -> None:
    """The first key leads past the head; Enter on a model opens its page."""
    with shown(one(), tmp_path / "home") as address:
        _open(page, address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="wine", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("wine")


def test_hosts_that_differ_are_told_apart(page: Page, tmp_path: Path) -> None:
    """Three of them: what each serves, who does otherwise, and why; that one fell silent is said once, not by model."""
    with shown(fleet(), tmp_path / "home") as address:
        _open(page, address)
        attention = page.get_by_role("region", name="Needs attention")
        expect(attention.get_by_role("listitem")).to_have_count(3)
        expect(attention).to_contain_text("oslo is down")
        expect(attention).to_contain_text("madrid refused version 7: It was made with scikit-learn 1.6.1")
        expect(attention).to_contain_text("madrid waits with version 13: It waits for its turn: berlin first")
        expect(page.locator("#replica-madrid")).to_contain_text("ready")
        expect(page.get_by_text("Not all replicas serve the same versions")).to_be_visible()
        for size, scheme in product((_LAPTOP, _PHONE), ("light", "dark")):
            page.set_viewport_size(size)  # type: ignore[arg-type]  # a width and a height
            _open(page, f"{address}/board/models/wine", scheme)
            rows = page.locator("#places").get_by_role("table").get_by_role("row")
            said = [" ".join(each.split()) for each in rows.all_inner_texts()[1:]]
            assert said == [
                "berlin ready 42 Production 7 (compiled) Staging 8 (compiled)",
                "madrid ready 42 Production 6 (compiled) Staging 8 (compiled)",
                "oslo down not known",
            ]
            expect(page.locator("#places")).to_contain_text("1 of 3 hosts serve version 7; madrid refused version 7")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            assert not _faults(page), (scheme, size)
