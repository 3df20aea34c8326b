"""Capacity: the arithmetic from figures to hosts, and its page."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.capacity import database, page
from benchmarks.capacity.amounts import in_bytes
from benchmarks.capacity.arithmetic import along, estimate, following, spared
from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.estimates import RATES
from benchmarks.capacity.figures import (
    PUBLISHED,
    Beat,
    Download,
    Drift,
    Figures,
    Journal,
    Members,
    Memory,
    Passing,
    Reading,
    Serving,
)
from cuelight.operations.database import Operations

GIVEN = Assumptions(cores=10, headroom=0.5, zones=1, mean=1.0, models=10, days=10, disk_gib=100)
KIND = "m"


@pytest.fixture
def figures() -> Figures:
    """Round ones: 1,000 requests/s and core, 100 µs in the gateway, 1 ms to compact."""
    return Figures(
        {},
        servings=[
            Serving(KIND, "linear", 8, 800.0, 1250.0, 1.0, 100, 25),
            Serving(KIND, "linear", 64, 1000.0, 1000.0, 1.0, 100, 25),
        ],
        passings=[Passing("without tokens", 64, 1.0, 50.0, 1.0), Passing("with tokens", 64, 1.0, 100.0, 1.0)],
        memories=[
            Memory(KIND, 0, 10.0, 100.0, 2.0),
            Memory(KIND, 1, 20.0, 140.0, 2.0),
            Memory(KIND, 11, 120.0, 540.0, 2.0),
        ],
        journals=[Journal(1, 300.0, 500.0, 200.0, 1000.0, 1000.0), Journal(1000, 1.0, 1.0, 1.0, 1.0, 1.0)],
        readings=[
            Reading("SQLite", 1, 9.0, 9.0, 9.0, 9.0, 2),
            Reading("PostgreSQL", 1, 10.0, 10.0, 20.0, 20.0, 2),
            Reading("PostgreSQL", 19, 10.0, 10.0, 38.0, 38.0, 2),
        ],
        downloads=[Download(100.0, 2.0, 1.0)],
        beats=[Beat("PostgreSQL", 10, 10, 5.0, 1.0, 1.0, 1.0), Beat("PostgreSQL", 110, 10, 55.0, 1.0, 1.0, 1.0)],
        members=[Members(10, 1.0, 0.1, 0.01), Members(110, 1.0, 0.1, 0.11)],
        drifts=[Drift(10_000, 1_000_000, 15.0, 15.0, 600.0)],
    )


def test_an_estimate_by_hand(figures: Figures) -> None:
    """100,000 requests a second: 100 cores of scoring and 100 of compaction, half used, in hosts of ten, one spare."""
    found = estimate(figures, KIND, 100_000, GIVEN)
    assert (found.workers, found.compaction, found.hosts) == (100.0, 100.0, 41)
    assert found.gateways == 3  # 10 cores, half used: 2, and a spare one
    assert found.day_bytes == 100_000 * 200 * 86_400
    assert found.kept_bytes == 10 * found.day_bytes
    assert found.gbit == pytest.approx(0.1)
    assert found.registry == pytest.approx(41 * (0.02 / 1.02 + (0.038 / 1.038 - 0.02 / 1.02) / 2))
    assert found.memory_gib == pytest.approx((500 + 8 * 110) / 1024)
    times = {each.part.name: each.times for each in found.loads}
    assert times["one gateway"] == pytest.approx(2.0)
    assert times["a host's compactor"] == pytest.approx(100_000 / 41 / 1000)
    assert times["heartbeats of hosts"] == pytest.approx(41 * (0.005 + 0.05 * 31 / 100) / 2)
    assert times["a host's disk, for the journal"] == pytest.approx(found.kept_bytes / 41 / (100 * 2**30))
    assert times["MLflow's server, when a version is promoted"] == pytest.approx(41 * 2 * 0.01 / 60)
    assert times["drift jobs"] == pytest.approx(10 * 15 / 600)
    assert times["a gateway's probes of hosts"] == pytest.approx(0.041 / 5)
    assert [each.times for each in found.loads] == sorted(times.values(), reverse=True)


def test_costs_are_those_of_cores_memory_and_disk(figures: Figures) -> None:
    """Each by its price; without prices nothing costs."""
    free = replace(GIVEN, core_hour=0.0, memory_month=0.0, disk_month=0.0)
    found = estimate(figures, KIND, 1000, free)
    assert found.cost == 0.0
    dearer = estimate(figures, KIND, 1000, replace(free, disk_month=0.5, object_month=0.1))
    assert dearer.cost == dearer.journal_cost == pytest.approx(0.5 * found.kept_bytes / 2**30)
    assert dearer.object_cost == pytest.approx(dearer.cost / 5)
    cores = estimate(figures, KIND, 1000, replace(free, core_hour=1.0)).cost / 730
    registry, database, drift = 1, 2, 1
    assert cores == (found.hosts + found.gateways) * 10 + registry + database + drift
    memory = estimate(figures, KIND, 1000, replace(free, memory_month=1.0)).cost
    assert memory == pytest.approx(found.hosts * found.memory_gib)


@pytest.mark.parametrize(
    ("needed", "zones", "hosts"), [(0.1, 1, 2), (3.2, 1, 5), (0.1, 3, 3), (2.0, 3, 3), (2.1, 3, 6), (5.0, 2, 10)]
)
def test_enough_is_left_without_one(needed: float, zones: int, hosts: int) -> None:
    """Of one zone, without a host; of several, without any one of them."""
    found = spared(needed, replace(GIVEN, zones=zones))
    assert found == hosts
    assert found - (found / zones if zones > 1 else 1) >= needed


def test_followers_sweep_at_every_poll_or_probe_between_sweeps() -> None:
    """By what a sweep takes: less than a 25th of the poll, or more."""
    quick = Reading("SQLite", 1, 10.0, 10.0, 20.0, 40.0, 2)
    assert following(quick, 1.0) == pytest.approx(0.02 / 1.04)
    slow = replace(quick, sweep_cpu_ms=90.0, sweep_ms=100.0)
    assert following(slow, 1.0) == pytest.approx(0.01 + 0.1 / 2.6)
    assert following(slow, 10.0) == pytest.approx(0.09 / 10.1)


def test_a_line_goes_on_beyond_its_points() -> None:
    """Between the two about it; from the last two beyond them; never below nothing; one point is a level."""
    points = [(10.0, 1.0), (0.0, 0.0), (20.0, 5.0)]
    assert [along(points, at) for at in (5.0, 15.0, 30.0, -5.0)] == [0.5, 3.0, 9.0, 0.0]
    assert along([(10.0, 3.0)], 50.0) == 3.0


def test_heartbeats_are_timed_among_so_many_hosts(tmp_path: Path) -> None:
    """The table has as many as it says, and no two the same roles."""
    url = f"sqlite:///{tmp_path / 'operations.db'}"
    found = list(database.beats(url, "SQLite", lambda: 0.0, (3, 7)))
    assert [each.hosts for each in found] == [3, 7]
    with closing(Operations(url)) as operations:
        there = operations.hosts()
    assert (len(there), len({each.roles for each in there})) == (7, 7)
    assert {len(each.roles) for each in there} == {database.MODELS}


def test_bytes_are_said_in_their_unit() -> None:
    """Three digits, and never thousands of one unit."""
    said = {0: "0 bytes", 250: "250 bytes", 2.16e9: "2.16 GB", 999e12: "999 TB", 5e21: "5,000 EB"}
    assert {each: in_bytes(each) for each in said} == said


def test_the_page_shows_what_is_kept(tmp_path: Path) -> None:
    """Written anew from the published figures it is the same."""
    copy = tmp_path / "page.md"
    copy.write_text(page.PAGE.read_text())
    page.write(Figures.read(PUBLISHED), copy)
    assert copy.read_text() == page.PAGE.read_text()


def test_more_requests_never_need_less() -> None:
    """By the published figures, for each kind of model."""
    figures = Figures.read(PUBLISHED)
    for kind in dict.fromkeys(each.kind for each in figures.servings):
        found = [estimate(figures, kind, rate, Assumptions()) for rate in RATES]
        for name in ("hosts", "gateways", "registry", "kept_bytes", "cost"):
            values = [getattr(each, name) for each in found]
            assert values == sorted(values)
