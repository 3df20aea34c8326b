from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import ratios
from benchmarks.plan import QUICK, Plan, rotated
from benchmarks.records import Asking, Bare, Batch, LeftOut, Results, Server, Shadowing, Single, Switching

Rounds = Callable[..., list[Single]]


def test_a_ratio_is_taken_round_by_round() -> None:
    """A round in which the machine was slow slows both: 2, 2 and 3, not the ratio of medians."""
    assert ratios.ratio({0: 20.0, 1: 2.0, 2: 9.0}, {0: 10.0, 1: 1.0, 2: 3.0}) == ratios.Ratio(2.0, 2.0, 3.0)


def test_rounds_that_one_of_them_missed_do_not_count() -> None:
    """Nor do zeros and NaN; nothing in common is no ratio."""
    assert ratios.ratio({0: 4.0, 1: float("nan"), 3: 8.0}, {0: 2.0, 1: 1.0, 2: 1.0, 3: 0.0}) == ratios.Ratio(2, 2, 2)
    assert ratios.ratio({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.5, "0.50"), (float("nan"), "-")]
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    """Three, or all before the point."""
    assert ratios.number(value) == text


def test_the_best_rival_is_the_one_with_the_best_median(rounds: Rounds) -> None:
    """One lucky round does not make it; who is no rival does not count."""
    found = {
        "MLServer": rounds("MLServer", 10, 10, 900),
        "LitServe": rounds("LitServe", 20, 20, 20),
        "Cuelight": rounds("Cuelight", 99, 99, 99),
    }
    assert ratios.best(found) == "LitServe"
    assert ratios.best({}) == ""


def test_results_survive_their_file(rounds: Rounds, tmp_path: Path) -> None:
    """Written as JSON and read back, they are the same."""
    results = Results({"rounds": 2}, rounds("Cuelight", 1.5, 2.5))
    results.servers.append(Server("linear", 1, "Cuelight", 2.5, 177.0))
    results.batches.append(Batch("linear", "", "bare predict", 100, 0, 0.25))
    results.bares.append(Bare("forest", 0, 8000.0))
    results.switchings.append(Switching("steady", 0, 1.0, 2.0, 3.0, 0, 0))
    results.shadowings.append(Shadowing("linear", "500 a second", 100, 0, 9, 1.0, 2.0, 3.0, 0, 8, 1))
    results.askings.append(Asking("nothing", 0, 1.0, 2.0, 3, 4.0, 5.0, 0, 3, 0, 0, 6.5))
    results.leave_out("BentoML", "no network")
    results.leave_out("BentoML", "no network")
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results
    assert results.left_out == [LeftOut("BentoML", "no network")]


def test_an_empty_run_is_valid_json(results: Results, tmp_path: Path) -> None:
    """A run that was stopped at once has left a file that can be read."""
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_each_round_begins_with_another_server() -> None:
    """Over as many rounds as there are servers each was first once."""
    assert [rotated("abc", turn)[0] for turn in range(4)] == ["a", "b", "c", "a"]
    assert rotated([], 3) == []


def test_a_plan_takes_servers_by_parts_of_their_names() -> None:
    """Cuelight always; more workers are asked in half the rounds."""
    plan = Plan(peers=("mlserver", "ASGI"), rounds=5)
    names = ("Cuelight", "Cuelight, journal off", "MLServer, no batching", "ASGI, no-op", "LitServe")
    assert [plan.takes(each) for each in names] == [True, False, True, True, False]
    assert (plan.rounds_of(1), plan.rounds_of(2), QUICK.rounds_of(2)) == (5, 2, 1)
