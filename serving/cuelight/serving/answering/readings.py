"""Figures that nobody counts: read, when the metrics page is asked for, from where they lie."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cuelight.journal import backlog
from cuelight.kit.settings import Settings
from cuelight.operations import figures
from cuelight.operations.figures import Figures
from cuelight.operations.verdict import Verdict
from cuelight.serving.host.board import Board

_MOST_COLUMNS = 200  # of one model: those that strayed farthest
_TRIES = 3
_TIMES = 4  # user and system, and those of children that were waited for


class Readings(Collector):
    """A collector that asks `read` for its families each time."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        yield from self._read()


def readings(board: Board, settings: Settings, names: Callable[[], Collection[str]]) -> list[Collector]:
    """All of them: of the host, of its journal, and of the last reports on models in `names`."""
    return [
        Readings(partial(_host, board, settings)),
        Readings(_processes),
        Readings(partial(_journal, settings.journal_folder)),
        Readings(partial(_reports, settings.figures_folder, names)),
    ]


def _host(board: Board, settings: Settings) -> Iterator[Metric]:
    yield GaugeMetricFamily("cuelight_generation", "Committed generation.", board.committed)
    yield GaugeMetricFamily("cuelight_workers", "Live workers.", len(board.workers()))
    yield GaugeMetricFamily("cuelight_workers_wanted", "Workers by the settings.", settings.serving_workers)
    limit = settings.serving_max_wait_seconds
    yield GaugeMetricFamily("cuelight_wait_limit_seconds", "Longest wait by the settings.", limit)
    read = board.last_reading
    staleness = time.time() - read if read else float("nan")
    yield GaugeMetricFamily("cuelight_registry_staleness_seconds", "Since the last good reading.", staleness)


def _processes() -> Iterator[Metric]:
    """The server's master, its workers and the annex together."""
    seconds, memory = _usage(os.getppid())
    yield CounterMetricFamily("cuelight_cpu_seconds", "Processor time of the server's processes.", value=seconds)
    yield GaugeMetricFamily("cuelight_memory_bytes", "Memory of the server's processes.", memory)
    network = CounterMetricFamily("cuelight_network_bytes", "Bytes over the host's network.", labels=["direction"])
    sent = psutil.net_io_counters()
    network.add_metric(["received"], sent.bytes_recv)
    network.add_metric(["sent"], sent.bytes_sent)
    yield network


def _usage(parent: int) -> tuple[float, int]:
    """Processor seconds of a process and of all its children, those included that have ended; bytes of memory."""
    for _ in range(_TRIES):
        seconds, memory = 0.0, 0
        with contextlib.suppress(psutil.Error):
            master = psutil.Process(parent)
            before = master.cpu_times()
            for each in [master, *master.children()]:
                with contextlib.suppress(psutil.Error):  # it has just ended
                    seconds += sum(each.cpu_times()[:_TIMES])
                    memory += each.memory_info().rss  # a fair share of what is shared takes the kernel 6 ms a process
            if before[2:_TIMES] == master.cpu_times()[2:_TIMES]:  # else a child ended: it may be counted twice
                break
    return seconds, memory


def _journal(folder: Path) -> Iterator[Metric]:
    found = backlog.read(folder)
    lag = max(0.0, time.time() - found.oldest) if found.oldest else 0.0
    yield GaugeMetricFamily("cuelight_journal_lag_seconds", "Age of the oldest segment that waits.", lag)
    yield GaugeMetricFamily("cuelight_journal_waiting_bytes", "Records that are not compacted, in bytes.", found.size)
    yield GaugeMetricFamily("cuelight_journal_waiting_segments", "Segments that are not compacted.", found.segments)
    yield GaugeMetricFamily("cuelight_journal_damaged_records", "Records that could not be read.", found.damaged)


def _reports(folder: Path, names: Callable[[], Collection[str]]) -> Iterator[Metric]:
    """What the last report on each served model says; one of a model that is served no more says nothing."""
    served = names()
    found = [each for each in figures.read(folder) if each.model in served]
    yield _gauge(found, "report_time_seconds", "When the last drift report was made.", lambda each: each.at)
    yield _gauge(found, "report_rows", "Rows that it judged.", lambda each: each.rows)
    yield _gauge(found, "report_labelled_rows", "Labelled rows that it judged.", lambda each: each.labelled)
    yield _gauge(found, "drifted_columns", "Columns that have drifted.", lambda each: each.drifted)
    yield _gauge(found, "loss", "Mean loss of the labelled rows.", lambda each: each.loss)
    yield _gauge(found, "reference_loss", "Mean loss on the reference.", lambda each: each.reference_loss)
    yield _gauge(found, "loss_score", "By how much the loss is worse, in sigma.", lambda each: each.loss_score)
    verdict = _family("report_verdict", "1 for the last report's verdict.", "verdict")
    score = _family("drift_score", "How far a column has strayed, in sigma.", "column")
    quality = _family("quality", "Figures of the labelled rows.", "metric")
    for each in found:
        for word in Verdict:
            verdict.add_metric([*_named(each), word.value], float(each.verdict == word))
        farthest = sorted(_numbers(each.scores), key=lambda item: -item[1])[:_MOST_COLUMNS]
        for family, values in ((score, farthest), (quality, _numbers(each.quality))):
            for name, value in values:
                family.add_metric([*_named(each), name], value)
    yield from (verdict, score, quality)


def _numbers(values: Mapping[str, float | None]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in values.items() if value is not None]


def _family(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cuelight_{name}", text, labels=["model", "version", *more])


def _gauge(
    found: Sequence[Figures], name: str, text: str, value: Callable[[Figures], float | None]
) -> GaugeMetricFamily:
    family = _family(name, text)
    for each in found:
        if (number := value(each)) is not None:
            family.add_metric(_named(each), number)
    return family


def _named(figures: Figures) -> list[str]:
    return [figures.model, str(figures.version)]
