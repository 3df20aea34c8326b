"""A model's page as people meet it: what they choose stays chosen while the page renews itself, on any screen."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from cuelight.journal.compactor import Compactor
from cuelight.journal.record import Label
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.server import build
from cuelight.operations.database import Operations
from cuelight.operations.kinds import Kind
from cuelight.operations.reports import Report
from cuelight.registry import tags
from tests.browser.ui import browser_page, photographed
from tests.support.answering import answering
from tests.support.journal import prediction, schema, write
from tests.support.ports import free_port
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(600)]
_MODEL, _ROWS = "browser-model-page", 60
_CITIES = ("Oslo", "Rome")
_RUN = re.compile("#/runs/")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Iterator[str]:
    """The page's address: a version in a real MLflow, a journal with labels, a history and reports; no replica."""
    home = tmp_path_factory.mktemp("model-page")
    settings = Settings(home=home, registry_uri=mlflow_server, serving_port=free_port())
    _register(settings)
    now = time.time()
    _record(settings, now)
    _tell(settings, now)
    server = make_server("127.0.0.1", 0, build(settings, dict), threaded=True)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}/board/models/{_MODEL}"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser that keeps what its console says."""
    with browser_page() as page, photographed(page, tmp_path):
        yield page


def _register(settings: Settings) -> None:
    """A version with a reference, which a drift job has fetched before."""
    number = np.random.default_rng(0).normal(size=500)
    reference = pd.DataFrame({"input.x": number, "input.city": np.where(number > 0.5, *_CITIES), "label": number})
    path = settings.home / "reference.parquet"
    reference.to_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = settings.home / "monitoring" / "references"
    folder.mkdir(parents=True)
    path.rename(folder / f"{digest}.parquet")
    registrar = Registrar(settings.tracking_uri, settings.keys_folder)
    version = registrar.add(_MODEL, 1.0)
    registrar.registry.set_version_tags(_MODEL, version, {tags.REFERENCE: f"reference.parquet:{digest}"})


def _record(settings: Settings, now: float) -> None:
    records: list[Any] = []
    for number in range(_ROWS):
        at, key = now - 600.0 + number, f"m{number}"
        row = {"x": 3.0 + number / _ROWS, "city": _CITIES[number % 2]}
        given: dict[str, Any] = {"model": _MODEL, "prediction_id": key, "time": at, "predictions": [number % 3 > 0]}
        records.append(prediction(number, rows=[row], **given))
        records.append(Label(at + 5.0, _MODEL, key, 0, number % 2 > 0))
    first = schema(1)
    write(settings.journal_folder, *records, schemas=[type(first)(_MODEL, 1, first.digest, first.signature)])
    Compactor(settings.journal_folder).run_once()


def _tell(settings: Settings, now: float) -> None:
    operations = Operations(settings.operations_url, settings.host_name)
    switched = {"track": "Production", "before": None, "why": "stage", "by": "Ada", "generation": 1}
    operations.record(Kind.SWITCHED, _MODEL, 1, switched, at=now - 700.0)
    for at, score in (*((now - 60.0 * each, 9.0) for each in range(12, 1, -1)), (now - 60.0, 0.3), (now, 31.0)):
        tested = [
            {"column": name, "z": z, "drifted": z > 5.0, "test": "Kolmogorov-Smirnov"}
            for name, z in (("input.x", score), ("input.city", 1.2), ("columns together", 2.5))
        ]
        window = now - 600.0, now - 600.0 + _ROWS
        verdict = "drift" if score > 5.0 else "ok"
        operations.add_report(Report(_MODEL, 1, at, *window, _ROWS, verdict, "", columns={"tested": tested}))
    operations.close()


def test_a_person_looks_at_a_column(board: str, page: Page) -> None:
    """The furthest strayed is drawn; another is chosen by a click, by a cell of an older report, and stays chosen."""
    page.goto(board)
    heat = page.get_by_role("table").filter(has_text="Verdict")
    expect(heat.get_by_role("row", name="input.x")).to_contain_text("31▲ drifted")
    panel = page.locator("#column")
    expect(panel.get_by_role("heading")).to_have_text("input.x")
    expect(panel.get_by_role("img")).to_contain_text("Histogram of input.x", timeout=60_000)
    heat.get_by_role("link", name="input.city").click()
    expect(panel.get_by_role("heading")).to_have_text("input.city")
    expect(panel.get_by_role("row", name="Rome")).to_contain_text("50.0 %", timeout=60_000)
    with page.expect_response(lambda answer: "column=input.city" in answer.url):  # it renews itself
        pass
    expect(panel.get_by_role("heading")).to_have_text("input.city")
    heat.get_by_role("row", name="columns together").get_by_role("link").last.click()
    expect(panel).to_contain_text("no distribution to draw", timeout=60_000)


def test_what_is_known_is_on_the_page(board: str, page: Page) -> None:
    """Steps, quality with the labels' delay, who took what for what, and requests; what is not, says so."""
    page.goto(board)
    timeline = page.locator("#timeline")
    expect(timeline.get_by_role("listitem").first).to_contain_text("Drift report: drift")
    expect(timeline).to_contain_text("stage, by Ada")
    expect(timeline.get_by_role("link", name="Version 1 registered")).to_have_attribute("href", _RUN)
    quality = page.locator("#quality")
    expect(quality.get_by_role("row", name="1 60 60 5 s")).to_be_visible(timeout=60_000)
    expect(quality.get_by_role("heading", name="Confusion matrix, version 1")).to_be_visible()
    expect(page.locator("#promotions")).to_contain_text("nothing was there before")
    expect(page.locator("#latest").get_by_role("link", name="explain")).to_have_count(12, timeout=60_000)
    expect(page.locator("#beside")).to_contain_text("No version has answered beside Production")
    expect(page.locator("#places")).to_contain_text("No replica answers")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_it_is_read_on_any_screen_and_by_anybody(board: str, page: Page, width: int, scheme: Any) -> None:
    """Nothing is wider than the screen, no script is refused, and axe finds no serious fault."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(board)
    expect(page.locator("#quality").get_by_role("table").first).to_be_visible(timeout=60_000)
    expect(page.locator("#latest").get_by_role("table")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert said == []
    faults = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in faults] == []
