"""The scoring server: gunicorn, configured by our settings, with one `Parts` per worker."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from cuelight.access import exposure
from cuelight.journal.writer import Writer
from cuelight.kit import garbage
from cuelight.kit.errors import Misconfigured
from cuelight.kit.log import Log, adopt_libraries
from cuelight.kit.settings import Settings
from cuelight.serving.answering.door import Door
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host.board import Board
from cuelight.serving.host.deployment import Generations
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import Reader
from cuelight.serving.host.wants import Wants
from cuelight.serving.on_demand.cache import Cache
from cuelight.serving.versions import loader, memory
from cuelight.serving.versions.store import ModelStore

if TYPE_CHECKING:
    from cuelight.serving.answering.metrics import Metrics
    from cuelight.serving.answering.parts import Parts
    from cuelight.serving.answering.traces import Traces
    from cuelight.serving.on_demand.guests import Guests

_KEEP_ALIVE_SECONDS = 75  # above what proxies keep, so that the proxy closes first
_SILENT_SECONDS = 60
# A request gives up the interpreter a few times, and each time waits this long for a thread that is loading a version.
_SWITCH_SECONDS = 0.0002
_log = Log("serving.server")


class ScoringServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads; what most models need is imported before workers are forked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.doorway = Door(Places(settings.serving_folder).door).open() if settings.serving_cache_bytes else None
        super().__init__()

    def load_config(self) -> None:
        """Our settings in gunicorn's words."""
        chosen = self._settings
        options = {
            "bind": f"{chosen.serving_host}:{chosen.serving_port}",
            "workers": chosen.serving_workers + (1 if self.doorway else 0),
            "threads": chosen.serving_threads,
            "worker_class": "cuelight.serving.workers.worker.Worker",
            "keepalive": _KEEP_ALIVE_SECONDS,
            "timeout": _SILENT_SECONDS,
            "graceful_timeout": 15,
            "control_socket_disable": True,
            "proc_name": "cuelight-serving",
            "when_ready": _before_the_first_fork,
            "child_exit": _on_child_exit,
            "logger_class": "cuelight.serving.workers.logger.Logger",
            "errorlog": "-",
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """One worker's app; called in the worker, after the fork."""
        return build_worker(self._settings)

    def build_annex(self) -> tuple[Parts, Guests, Wants]:
        """What the annex works with; called there, after the fork."""
        return build_annex(self._settings)

    def run(self) -> None:
        """Until it is told to stop."""
        _Master(self).run()


class _Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, which keeps the annex as it keeps its workers."""

    def spawn_worker(self) -> int:
        """One more process: a worker, unless the annex alone is missing."""
        from cuelight.serving.on_demand.annex import Annex

        annexes = sum(isinstance(each, Annex) for each in self.WORKERS.values())
        lacking = self.app.doorway and not annexes and len(self.WORKERS) >= self.num_workers - 1
        self.worker_class = Annex if lacking else self.cfg.worker_class
        return int(super().spawn_worker() or 0)


def serve(settings: Settings) -> None:
    """Run the scoring server until it is told to stop.

    Raises:
        Misconfigured: anybody could connect and do anything, or traces can't be made as the settings say.
    """
    exposure.check(settings.serving_host, settings.access_required, "serving.host")
    _check_traces(settings)
    adopt_libraries()
    metrics = _metrics_folder(Places(settings.serving_folder))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # read when prometheus_client is imported
    for name, value in loader.ONE_THREAD.items():
        os.environ.setdefault(name, value)
    loader.preload()
    master = os.getpid()
    Board(Places(settings.serving_folder).board).open(time.time())
    try:
        ScoringServer(settings).run()
    finally:
        if os.getpid() == master:  # workers leave by this way too
            shutil.rmtree(metrics, ignore_errors=True)


def _metrics_folder(places: Places) -> Path:
    """An empty folder for Prometheus's files."""
    metrics = places.metrics
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    return metrics


def build_worker(settings: Settings) -> Flask:
    """Take a place on the cue board, load what is in charge, and return the app that serves it."""
    from cuelight.serving.answering.app import create_app
    from cuelight.serving.answering.metrics import Metrics
    from cuelight.serving.answering.parts import Parts
    from cuelight.serving.answering.readings import readings

    sys.setswitchinterval(_SWITCH_SECONDS)
    places = Places(settings.serving_folder)
    board = Board(places.board)
    journal = _journal(settings)
    metrics = Metrics(*readings(board, settings, lambda: _names(residents)))
    residents = Residents(
        board,
        Generations(places.generations),
        ModelStore(places.store),
        places.failures,
        compile_models=settings.serving_compile,
        repertoire=Reader(places.repertoire) if settings.serving_cache_bytes else None,
        tally=metrics,
    )
    residents.start()
    return create_app(Parts(residents, journal, metrics, settings, _traces(settings, metrics)))


def _names(residents: Residents) -> frozenset[str]:
    """The models that are served, as far as that is known now."""
    return residents.current().names if residents.ready else frozenset()


def build_annex(settings: Settings) -> tuple[Parts, Guests, Wants]:
    """An annex that holds nothing yet."""
    from cuelight.serving.answering.metrics import Metrics
    from cuelight.serving.answering.parts import Parts
    from cuelight.serving.on_demand.guests import Guests

    sys.setswitchinterval(_SWITCH_SECONDS)
    places = Places(settings.serving_folder)
    board = Board(places.board)
    metrics = Metrics()
    guests = Guests(
        board,
        Generations(places.generations),
        ModelStore(places.store),
        Reader(places.repertoire),
        Cache(settings.serving_cache_bytes),
        places.guests,
        metrics,
        compile_models=settings.serving_compile,
    )
    parts = Parts(guests, _journal(settings), metrics, settings, _traces(settings, metrics))
    return parts, guests, Wants(places.wants)


def _check_traces(settings: Settings) -> None:
    if settings.telemetry_traces and not settings.telemetry_traces.startswith(("http://", "https://")):
        raise Misconfigured("telemetry.traces must be a URL of a collector, such as http://127.0.0.1:4318/v1/traces.")
    if not 0 <= settings.telemetry_sample <= 1:
        raise Misconfigured(f"telemetry.sample must be a share from 0 to 1, not {settings.telemetry_sample}.")


def _traces(settings: Settings, metrics: Metrics) -> Traces | None:
    """What makes this process's traces; OpenTelemetry is imported where somebody wants them, and nowhere else."""
    if not settings.telemetry_traces:
        return None
    from cuelight.serving.answering.traces import Traces

    chosen = settings.telemetry_traces, settings.telemetry_sample, settings.host_name
    traces = Traces(*chosen, metrics.count_untraced)
    traces.install()
    return traces


def _journal(settings: Settings) -> Writer:
    """This process's journal, and a thread that closes its segments in time."""
    journal = Writer(
        settings.journal_folder,
        settings.host_name,
        settings.journal_segment_bytes,
        settings.journal_segment_seconds,
        settings.journal_sync,
    )
    threading.Thread(target=_roll, args=(journal,), name="journal", daemon=True).start()
    return journal


def _roll(journal: Writer) -> None:
    while True:
        time.sleep(1.0)
        try:
            journal.roll()
        except Exception as error:  # noqa: BLE001  a full disk must not end this thread
            _log.exception("roll-failed", error)


def _before_the_first_fork(_server: Any) -> None:
    memory.share()
    garbage.look_as_usual()


def _on_child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
