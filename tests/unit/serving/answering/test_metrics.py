from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cuelight.journal.record import Prediction
from cuelight.kit.settings import Settings
from cuelight.operations import figures
from cuelight.operations.figures import Figures
from cuelight.operations.verdict import Verdict
from cuelight.serving.answering.metrics import _SECONDS, _Durations
from cuelight.serving.answering.outcome import Answer, Outcome, Work
from cuelight.serving.answering.stages import STAGES, Gathered

if TYPE_CHECKING:
    from cuelight.serving.answering.metrics import Metrics

SECONDS = (0.0, 0.0005, 0.0005001, 0.003, 0.003, 10.0, 10.1, 500.0)


def test_durations_counted_together_are_counted_as_each_would_be() -> None:
    """Every bucket, at its edges and beyond the last, the count and the sum."""
    together, gathered, apart = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    many = _Durations("s", "…", ("m",), buckets=_SECONDS, registry=together).labels("x")
    later = Gathered("s", "…", ("m",), buckets=_SECONDS, registry=gathered).labels("x")
    one = Histogram("s", "…", ("m",), buckets=_SECONDS, registry=apart).labels("x")
    many.observe_all(SECONDS)
    later.add_all(np.array(SECONDS))
    for each in SECONDS:
        one.observe(each)

    def samples(registry: CollectorRegistry) -> list[tuple[str, str, float]]:
        found = [each for metric in registry.collect() for each in metric.samples if not each.name.endswith("created")]
        return [(each.name, each.labels.get("le", ""), round(each.value, 9)) for each in found]

    assert samples(together) == samples(gathered) == samples(apart)


def outcome(work: Work | None, version: int = 3) -> Outcome:
    """An answer of model `m`."""
    record = Prediction(
        0.0, "p", "r", "", "", "m", version, "d", "Production", "champion", 1, 200, 1.0, 1, "", b"", b""
    )
    return Outcome(Answer(200, b""), record, work=work)


def found(page: bytes) -> dict[tuple[str, ...], float]:
    """What a page says: by name and labels' values, in the order of the labels' names."""
    families = text_string_to_metric_families(page.decode())
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, *(value for _, value in sorted(each.labels.items()))): each.value for each in samples}


def counted(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """What this process counted."""
    metrics.hand_over()
    return found(generate_latest(REGISTRY))


def test_a_batch_is_counted_once_however_many_calls_it_holds(metrics: Metrics) -> None:
    """Its stages come to what it took, calls that fell out of it apart."""
    work = Work("d", 10, 0.006, calls=2, queued=0.1, decoding=0.001, predicting=0.002)
    metrics.count([outcome(work), outcome(work), outcome(None)])
    page = counted(metrics)
    sums = {stage: page["cuelight_stage_seconds_sum", "m", stage, "3"] for stage in STAGES}
    assert {stage: round(each, 9) for stage, each in sums.items()} == {
        "queue": 0.1,
        "decode": 0.001,
        "predict": 0.002,
        "encode": 0.003,
    }
    assert {page["cuelight_stage_seconds_count", "m", stage, "3"] for stage in STAGES} == {1.0}
    assert (page["cuelight_batch_calls_sum", "m", "3"], page["cuelight_batch_calls_count", "m", "3"]) == (2.0, 1.0)
    assert page["cuelight_requests_total", "champion", "m", "200", "Production", "3"] == 3.0


def test_batches_are_handed_over_before_they_are_many(metrics: Metrics) -> None:
    """Also while nobody asks for the page: none is counted twice, none is forgotten."""
    for number in range(1000):
        metrics.count([outcome(Work("d", 10, 0.001), version=1 + number % 2)])
    page = counted(metrics)
    assert [page["cuelight_batch_calls_count", "m", version] for version in ("1", "2")] == [500.0, 500.0]


def test_reports_show_as_gauges(metrics: Metrics, tmp_path: Path) -> None:
    """Of models that are served; one verdict is 1, and what is no number has no sample."""
    folder = Settings(home=tmp_path).figures_folder
    scores = {"input.x": 7.0, "input.y": math.nan, **{f"input.{number}": -1.0 for number in range(300)}}
    figures.write(folder, Figures("a b", 2, 5.0, "bad data", 100, 50, 1, scores, {"mae": 0.5}, 0.5, 0.25, 3.0))
    figures.write(folder, Figures("gone", 2, 5.0, "ok", 100, 0))
    page = found(metrics.page())
    verdicts = {key[1:3] for key in page if key[0] == "cuelight_report_verdict"}
    assert verdicts == {("a b", verdict.value) for verdict in Verdict}
    assert [key[2] for key, value in page.items() if key[0] == "cuelight_report_verdict" and value] == ["bad data"]
    assert page["cuelight_drift_score", "input.x", "a b", "2"] == 7.0
    assert len([key for key in page if key[0] == "cuelight_drift_score"]) == 200
    assert page["cuelight_quality", "mae", "a b", "2"] == 0.5
    assert page["cuelight_loss_score", "a b", "2"] == 3.0
