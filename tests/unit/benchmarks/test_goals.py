from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks import goals, tables
from benchmarks.goals import FEW, MANY, NOTHING, Outcome
from benchmarks.models import NAMES
from benchmarks.records import Asking, Bare, Batch, Results, Shadowing, Single, Switching

Rounds = Callable[..., list[Single]]


def _found(results: Results, work: str, against: str = "") -> Outcome:
    (one,) = [each for each in goals.outcomes(results) if each.work.startswith(work) and against in each.against]
    return one


def test_what_was_not_measured_is_neither_reached_nor_missed(results: Results) -> None:
    """All lines are there, and none claims anything."""
    lines = list(goals.outcomes(results))
    assert {each.reached for each in lines} == {None}
    assert len(lines) == 11 + 1 + 2 + 3 * len(NAMES) + 1 + 2 + 2 + 2


def test_single_rows_are_held_against_their_figure(results: Results, rounds: Rounds) -> None:
    """12 times MLflow's own server is reached at 12, and not at 11.9."""
    results.singles = rounds("Cuelight", 120, 120, 120) + rounds("mlflow models serve", 10, 10, 10)
    assert _found(results, "linear, single row, 8", "mlflow").reached is True
    results.singles = rounds("Cuelight", 119, 119, 119) + rounds("mlflow models serve", 10, 10, 10)
    found = _found(results, "linear, single row, 8", "mlflow")
    assert (found.reached, found.found, found.wanted) == (False, "11.9 (11.9 to 11.9)", "≥ 12.0")


def test_the_best_rival_counts_and_is_named(results: Results, rounds: Rounds) -> None:
    """In each cell by itself."""
    results.singles = [
        *rounds("Cuelight", 800, model="mixed", connections=64),
        *rounds("MLServer", 100, model="mixed", connections=64),
        *rounds("LitServe", 50, model="mixed", connections=64),
    ]
    found = _found(results, "mixed, single row, 64")
    assert (found.reached, found.against) == (False, "best of MLServer, BentoML, LitServe (MLServer)")


def test_two_workers_do_not_count_for_one(results: Results, rounds: Rounds) -> None:
    """The figures are for one worker each."""
    results.singles = rounds("Cuelight", 999, workers=2) + rounds("mlflow models serve", 1, workers=2)
    assert _found(results, "linear, single row, 8", "mlflow").reached is None


def test_a_forest_is_held_against_bare_predict(results: Results, rounds: Rounds) -> None:
    """Rows answered a second, of those that `predict` does alone."""
    results.singles = rounds("Cuelight", 700, 700, model="forest", connections=64)
    results.bares = [Bare("forest", 0, 1000.0), Bare("forest", 1, 1001.0)]
    assert _found(results, "forest, single row, 64 connections, rows/s").reached is False
    results.bares[1] = Bare("forest", 1, 1000.0)
    assert _found(results, "forest, single row, 64 connections, rows/s").reached is True


def _batches(protocol: str, mine: float, bare: float) -> list[Batch]:
    kind = goals.ROUND_TRIP if protocol == "JSON" else goals.BARE
    return [
        Batch("linear", "Cuelight", protocol, goals.ROWS, 0, mine),
        Batch("linear", "", kind, goals.ROWS, 0, bare),
    ]


def test_big_requests_are_held_against_the_same_work_in_process(results: Results) -> None:
    """JSON within 1.25; arrays within 1.15 or 2 ms, whichever is more."""
    results.batches = _batches("JSON", 1.26, 1.0) + _batches("Arrow", 2.9, 1.0) + _batches("OIP binary", 13.0, 10.0)
    assert _found(results, "linear, 10,000 rows, JSON").reached is False
    assert _found(results, "linear, 10,000 rows, Arrow").reached is True
    assert _found(results, "linear, 10,000 rows, OIP binary").reached is False


def test_the_journal_is_judged_by_its_worst_cell(results: Results, rounds: Rounds) -> None:
    """One cell above 1.1 is enough, and it is named."""
    results.singles = [
        *rounds("Cuelight", 100),
        *rounds("Cuelight, journal off", 105),
        *rounds("Cuelight", 100, connections=64),
        *rounds("Cuelight, journal off", 120, connections=64),
    ]
    found = _found(results, "everything")
    assert found.reached is False
    assert found.found.startswith("1 of 2 within; worst 1.20")
    assert found.found.endswith("linear, single row, 64 connections")


def test_promotions_are_held_against_the_steady_rounds(results: Results) -> None:
    """Round by round."""
    results.switchings = [
        Switching(kind, turn, 1.0, 1.0, p99, 0, 5)
        for turn in range(2)
        for kind, p99 in ((goals.STEADY, 2.0), (goals.KNOWN, 3.0), (goals.NEW, 3.1))
    ]
    assert _found(results, "p99 during promotions (versions").reached is True
    assert _found(results, "p99 during promotions (new").reached is False


def _shadowing(share: int, turn: int, p99: float, mirrored: int = 0, load: str = "500 a second") -> Shadowing:
    return Shadowing("linear", load, share, turn, 1000, 500.0, 1.0, p99, 0, mirrored, 1000 - mirrored)


def test_a_shadow_is_held_against_the_same_server_without_it(results: Results) -> None:
    """By the p99 at a moderate rate, round by round; its table says how much was mirrored."""
    for turn in range(3):
        results.shadowings += [_shadowing(0, turn, 2.0 + turn), _shadowing(100, turn, 2.4 + 1.2 * turn, 900)]
        results.shadowings += [_shadowing(0, turn, 1.0, load="1 connection")]
    found = _found(results, "linear, single row, 500 a second")
    assert (found.reached, found.found) == (True, "1.20 (1.20 to 1.20)")
    moderate, closed = tables._shadows(results).rows
    even = "1.00 (1.00 to 1.00)"
    assert moderate[:6] == ["linear", "500 a second", "500 / 500", even, "1.00 / 1.00", even]
    assert moderate[6:] == ["3.00 / 3.60", "1.20 (1.20 to 1.20)", "90%"]
    assert closed[2:4] == ["500 / -", "-"]


def test_loading_is_held_against_as_many_requests_that_load_nothing(results: Results) -> None:
    """By the p99 of a version on a track; memory by its most, in whichever round; its table has the rest."""
    results.conditions["guests"] = {"versions": 200, "version_mib": 15.0, "budget_mib": 300}
    for turn in range(3):
        for kind, p99, hits, loads in ((NOTHING, 1.0, 0, 0), (FEW, 1.5, 100, 0), (MANY, 1.8, 45, 55)):
            results.askings.append(Asking(kind, turn, 0.5, p99, hits + loads, 2.0, 80.0, 0, hits, loads, loads, 270.0))
    assert _found(results, "p99 of a version on a track").found == "1.20 (1.20 to 1.20)"
    assert _found(results, "memory of versions").reached is True
    alone, _, many = tables._guests(results).rows
    assert alone[3:8] == ["1.00 (1.00 to 1.00)", "-", "-", "-", "-"]
    assert many == [MANY, "0.50", "1.80", "1.80 (1.80 to 1.80)", "300", "45%", "2.00", "80.0", "165", "165", "0", "270"]
    results.askings.append(replace(results.askings[0], grown_mib=301.0))
    assert _found(results, "memory of versions").reached is False


def test_tables_hold_what_was_measured(results: Results, rounds: Rounds) -> None:
    """Medians with the ratio to MLflow's own server; tables without rows are left out."""
    results.singles = rounds("Cuelight", 100, 200, 300) + rounds("mlflow models serve", 10, 10, 20)
    results.leave_out("BentoML", "no network")
    found = {each.title: each for each in tables.tables(results)}
    assert list(found) == ["Figures to reach", "linear, single rows, 8 connections, 1 worker", "Left out"]
    ours, theirs = found["linear, single rows, 8 connections, 1 worker"].rows
    assert ours == ["Cuelight", "200", "1.00", "2.00", "50.0", "15.0 (10.0 to 20.0)", "0"]
    assert theirs[-2:] == ["1.00 (1.00 to 1.00)", "0"]


def test_the_page_has_all_connections_in_one_row(results: Results, rounds: Rounds) -> None:
    """Medians, and a dash where a server was not measured."""
    results.singles = [
        *rounds("Cuelight", 100, 200, 300),
        *rounds("Cuelight", 50, connections=64),
        *rounds("mlflow models serve", 10, connections=64),
    ]
    found = {each.title: each for each in tables.tables(results, brief=True)}
    ours, theirs = found["linear, single rows, 8 / 64 connections, 1 worker"].rows
    assert ours == ["Cuelight", "200 / 50.0", "2.00 / 2.00", "50.0 / 50.0", "- / 5.00"]
    assert theirs == ["mlflow models serve", "- / 10.0", "- / 2.00", "- / 50.0", "- / 1.00"]
