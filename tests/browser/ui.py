"""A person at MLflow's registry pages: what they click, and what they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
_PATIENCE_MS = 120_000  # the first page of a server takes long on busy cores
expect.set_options(timeout=_PATIENCE_MS)  # five seconds otherwise, whatever a page's own time-out is
_QUIET = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def browser_page(width: int = 1400, height: int = 1000) -> Iterator[Page]:
    """A page of Debian's Chromium.

    Raises:
        RuntimeError: Chromium is not installed; the message names the package.
    """
    if not CHROMIUM.exists():
        raise RuntimeError(f"{CHROMIUM} is missing: install Debian's package `chromium` (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(_PATIENCE_MS)
            yield page
        finally:
            browser.close()


@contextmanager
def photographed(page: Page, folder: Path) -> Iterator[None]:
    """Keep what the page showed when the block fails, and say where."""
    try:
        yield
    except BaseException as error:
        picture = folder / "failure.png"
        page.screenshot(path=picture, full_page=True)
        error.add_note(f"What the browser showed: {picture}")
        raise


class VersionPage:
    """The page of one model version. Stages are shown by the classic registry pages, aliases by the new ones."""

    def __init__(self, page: Page, server: str, model: str, version: int, classic: bool) -> None:
        self.page = page
        self._url = f"{server}/#/models/{quote(model, safe='')}/versions/{version}"
        # What the switch "New model registry UI" in the page's corner writes down.
        choice = (
            f"localStorage.setItem('_mlflow_user_setting_dismiss_next_model_registry_ui', '{str(classic).lower()}')"
        )
        page.add_init_script(choice)

    def open(self) -> None:
        """Load the page anew."""
        self.page.goto("about:blank")  # a change of the fragment alone loads nothing
        self.page.goto(self._url)

    def set_stage(self, stage: str, archive_others: bool) -> None:
        """Stage menu, "Transition to", and OK in the dialog."""
        self.page.locator(".mlflow-stage-transition-dropdown").first.click()
        self.page.get_by_role("menuitem").filter(has_text=stage).click()
        dialog = self.page.get_by_role("dialog")
        if archive_others:
            dialog.get_by_role("checkbox").check()
        dialog.get_by_role("button", name="OK").click()
        expect(dialog).to_be_hidden(timeout=_PATIENCE_MS)

    def add_alias(self, alias: str) -> None:
        """The Add button beside "Aliases", the alias typed and confirmed, and Save."""
        self.page.get_by_role("button", name="Add", exact=True).first.click()
        dialog = self.page.get_by_role("dialog")
        box = dialog.get_by_role("combobox")
        box.fill(alias)
        box.press("Enter")
        dialog.get_by_role("button", name="Save aliases").click()
        expect(dialog).to_be_hidden(timeout=_PATIENCE_MS)

    def expect_text(self, text: str) -> None:
        """Wait until a person who scrolls can read `text` on the page."""
        found = self.page.get_by_text(text).first
        found.scroll_into_view_if_needed()
        expect(found).to_be_in_viewport()
