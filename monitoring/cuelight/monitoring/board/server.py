"""Runs the board: one gunicorn worker on loopback. The gateway is how people get there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask
from gunicorn.app.base import BaseApplication

from cuelight.access.guard import Guard
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.app import Links, create_app
from cuelight.monitoring.board.company import Company
from cuelight.monitoring.board.sources import Sources
from cuelight.monitoring.board.stores import EMPTY, Backstage

HOST = "127.0.0.1"
_THREADS = 8
_KEEP_ALIVE_SECONDS = 75  # above what the gateway keeps, so that it closes first


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, with the app made in its worker."""

    def __init__(self, settings: Settings, credentials: Callable[[], Mapping[str, str]], backstage: Backstage) -> None:
        self._settings = settings
        self._credentials = credentials
        self._backstage = backstage
        super().__init__()

    def load_config(self) -> None:
        """Our settings in gunicorn's words."""
        options = {
            "bind": f"{HOST}:{self._settings.board_port}",
            "workers": 1,
            "threads": _THREADS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "control_socket_disable": True,
            "proc_name": "cuelight-board",
            "errorlog": "-",
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app."""
        return build(self._settings, self._credentials, self._backstage)


def build(settings: Settings, credentials: Callable[[], Mapping[str, str]], backstage: Backstage = EMPTY) -> Flask:
    """The app as settings want it; `credentials` makes the headers by which serving hosts know the board."""
    guard = Guard(settings.tokens_folder) if settings.access_required else None
    return create_app(Sources(settings, credentials, Company(settings)), guard, links(settings), backstage)


def links(settings: Settings) -> Links:
    """MLflow through the gateway where it is there, else by its own address; the gateway's metrics are on loopback."""
    registry = f"{settings.registry_uri.rstrip('/')}/" if settings.registry_uri else "/mlflow/"
    return Links(registry, (("As JSON", "/models"),))
