"""Applications on stock gunicorn: the usual Flask and pyfunc, and two that do nothing, as ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from benchmarks.models import LINEAR, Model
from benchmarks.peers.peer import APPS, THREADS, Peer, Place
from benchmarks.wire import Body, split


class _OnGunicorn(Peer):
    app: ClassVar[str]
    worker_class: ClassVar[str] = "gthread"
    package = "gunicorn"

    def command(self, place: Place) -> list[str]:
        options = {
            "--bind": f"127.0.0.1:{place.port}",
            "--workers": str(place.workers),
            "--worker-class": self.worker_class,
            "--keep-alive": "75",
            "--log-level": "warning",
            "--chdir": str(APPS),
        }
        options |= {"--threads": str(THREADS)} if self.worker_class == "gthread" else {}
        flags = [part for option in options.items() for part in option]
        return [self.python, "-m", "gunicorn", *flags, "--no-control-socket", f"{self.app}:app"]

    def single(self, model: Model, frame: Any) -> Body:  # noqa: ARG002  the same for all
        return split(frame, "/invocations")


class FlaskPyfunc(_OnGunicorn):
    """What one writes in an afternoon: a route, a DataFrame, MLflow's pyfunc."""

    name = "Flask and pyfunc"
    settings = f"gunicorn gthread, {THREADS} threads"
    package = "flask"
    app = "flask_pyfunc"


class _Nothing(_OnGunicorn):
    checked = False
    models = (LINEAR,)
    most_workers = 1

    def batches(self, model: Model, frame: Any) -> list[Body]:  # noqa: ARG002  ceilings are for single rows
        return []

    def predictions(self, content: bytes, headers: Mapping[str, str]) -> list[Any]:  # noqa: ARG002
        return []


class FlaskNothing(_Nothing):
    """A Flask route that does nothing."""

    name = "Flask, no-op"
    settings = f"gunicorn gthread, {THREADS} threads; reads the body, answers a constant"
    package = "flask"
    app = "flask_nothing"


class AsgiNothing(_Nothing):
    """An ASGI application that does nothing."""

    name = "ASGI, no-op"
    settings = "gunicorn's own `asgi` worker; reads the body, answers a constant"
    app = "asgi_nothing"
    worker_class = "asgi"
