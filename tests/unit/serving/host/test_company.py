"""Who of several replicas speaks for all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica
from cuelight.serving.host.company import Company


def _both(home: Path) -> tuple[Company, Company]:
    second = Replica("replica-2", "127.0.0.1", 8001)
    replicas.change(Settings(home=home), lambda known: (*known, second))
    return Company(Settings(home=home)), Company(Settings(home=home, serving_replica="replica-2"))


def test_one_leads_until_it_ends(tmp_path: Path) -> None:
    """Whoever asks first; the other one after it."""
    first, second = _both(tmp_path)
    assert (second.leads(), first.leads(), second.leads()) == (True, False, True)
    second.leave()
    assert (first.leads(), second.leads()) == (True, False)
    first.leave()


def test_all_threads_of_one_that_leads_know_it(tmp_path: Path) -> None:
    """Several ask at once: none of them takes the lock from the others for good."""
    for number in range(50):
        first, second = _both(tmp_path / str(number))
        together = threading.Barrier(8)

        def ask(company: Company = first, together: threading.Barrier = together) -> bool:
            together.wait()
            return company.leads()

        with ThreadPoolExecutor(8) as pool:
            said = [each.result() for each in [pool.submit(ask) for _ in range(8)]]
        assert all(said)
        assert not second.leads()
        first.leave()
        assert second.leads()
        second.leave()


def test_who_is_alone_leads(tmp_path: Path) -> None:
    """Also while another process still has the lock: nobody else is there to speak."""
    one, other = Company(Settings(home=tmp_path)), Company(Settings(home=tmp_path))
    assert one.leads()
    assert other.leads()
    assert not other.several
    one.leave()


def test_all_count_together_and_rollouts_are_one(tmp_path: Path) -> None:
    """Whichever replica asks; a file that can't be read changes nothing of what is known."""
    first, second = _both(tmp_path)
    assert set(first.metrics) == set(second.metrics)
    assert len(first.metrics) == 2
    assert first.rollouts == second.rollouts == tmp_path / "serving" / "rollouts.json"
    (tmp_path / "replicas.json").write_text("?")
    assert first.several
    assert Company(Settings(home=tmp_path, serving_replica="replica-2")).names == ("replica-2",)
