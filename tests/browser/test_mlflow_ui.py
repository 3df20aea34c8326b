"""MLflow's own pages are the controls: what is set there by hand is what live traffic gets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from cuelight.registry import tags
from cuelight.registry.edit_feed import MlflowFeed
from cuelight.registry.mlflow_rest import MlflowRegistry
from tests.browser.ui import VersionPage, browser_page, photographed
from tests.support.host import Host, eventually, running
from tests.support.load import steady
from tests.support.models import ZEROS
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Iterator[Host]:
    """A follower of the real registry, and two gunicorn workers."""
    with running(tmp_path_factory.mktemp("host"), MlflowRegistry(mlflow_server)) as host:
        yield host


@pytest.fixture(scope="module")
def registrar(mlflow_server: str, host: Host) -> Registrar:
    """Registers versions that this host trusts."""
    return Registrar(mlflow_server, host.settings.keys_folder)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser's page; a failing test leaves a picture of it."""
    with browser_page() as page:
        yield page


def test_a_stage_set_by_hand_moves_traffic(
    host: Host, registrar: Registrar, mlflow_server: str, page: Page, tmp_path: Path
) -> None:
    """Production chosen in the Stage menu is what the next answers carry: same workers, no failed request."""
    name = "browser-stage"
    first, second = (registrar.add(name, answer) for answer in (1.0, 2.0))
    registrar.registry.set_stage(name, first, "Production")
    host.wait_for(name, first)
    version = VersionPage(page, mlflow_server, name, second, classic=True)
    with photographed(page, tmp_path), _moving_traffic(host, name, first, second):
        version.open()
        version.set_stage("Production", archive_others=True)
        host.wait_for(name, second)
    _expect_serving(host, version, name, second, tmp_path)
    stages = {number: each.stage for number, each in registrar.registry.snapshot().models[name].versions.items()}
    assert stages == {first: "Archived", second: "Production"}


def test_an_alias_set_by_hand_moves_traffic(
    host: Host, registrar: Registrar, mlflow_server: str, page: Page, tmp_path: Path
) -> None:
    """The alias `champion` typed on a version's page does what Production does: same workers, no failed request."""
    name = "browser-alias"
    first, second = (registrar.add(name, answer) for answer in (1.0, 2.0))
    registrar.registry.set_alias(name, "champion", first)
    host.wait_for(name, first)
    version = VersionPage(page, mlflow_server, name, second, classic=False)
    with photographed(page, tmp_path), _moving_traffic(host, name, first, second):
        version.open()
        version.add_alias("champion")
        host.wait_for(name, second)
    _expect_serving(host, version, name, second, tmp_path)
    assert registrar.registry.snapshot().models[name].aliases == {"champion": second}


def test_a_refusal_is_read_on_the_page(
    host: Host, registrar: Registrar, mlflow_server: str, page: Page, tmp_path: Path
) -> None:
    """A version that answers NaN is not served, and its page says why."""
    name = "browser-refused"
    bad = registrar.add(name, float("nan"))
    version = VersionPage(page, mlflow_server, name, bad, classic=True)
    with photographed(page, tmp_path):
        version.open()
        version.set_stage("Production", archive_others=False)
        eventually(lambda: host.tags(name, bad).get(tags.STATE) == "refused")
        version.open()
        version.expect_text("refused")
        version.expect_text("NaN")
    assert host.score(name, ZEROS).status == 404


def test_a_click_is_noted_with_its_moment(registrar: Registrar, mlflow_server: str, page: Page, tmp_path: Path) -> None:
    """MLflow's pages send what its clients send: an edit that is made there is told as any other."""
    name = "browser-edit"
    number = registrar.add(name, 1.0)
    staged = VersionPage(page, mlflow_server, name, number, classic=True)
    before = time.time()
    with photographed(page, tmp_path):
        staged.open()
        staged.set_stage("Staging", archive_others=False)
    edits = eventually(lambda: [each for each in MlflowFeed(mlflow_server).read(0, 0.0)[0] if each.model == name])
    assert [(each.what, each.version, each.value) for each in edits] == [("stage", number, "Staging")]
    assert before < edits[0].at < time.time()


@contextmanager
def _moving_traffic(host: Host, name: str, first: int, second: int) -> Iterator[None]:
    """Steady load while the block moves traffic from one version to the other."""
    workers = [each.pid for each in host.workers()]
    with steady(host.url, name, ZEROS, pause=0.02) as load:
        yield
        after = [host.seen(name, ZEROS).version for _ in range(10)]
    assert after == [second] * 10
    assert load.failed == []
    assert load.backward() == []
    assert {each.version for each in load.all} == {first, second}
    assert [each.pid for each in host.workers()] == workers


def _expect_serving(host: Host, version: VersionPage, name: str, number: int, folder: Path) -> None:
    """The version's tags say so, and a person reads them on its page."""
    eventually(lambda: host.tags(name, number).get(tags.STATE) == "serving")
    with photographed(version.page, folder):
        version.open()
        version.expect_text(tags.STATE)
        version.expect_text("serving")
        version.expect_text("Serves Production")
