"""Runs the stack under supervisord: it restarts what dies, and leaves nothing behind when it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from xmlrpc.client import Error

import psutil

from cuelight.cli.stack import supervisord
from cuelight.cli.stack.programs import Program, inherited, log_file
from cuelight.kit import files
from cuelight.kit.children import adopt_orphans, end, end_with_parent
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_STOP_SECONDS = 40
_ORPHAN_SECONDS = 10
_LONGEST_SOCKET = 100  # the kernel's limit on a unix socket's path is 107 bytes


class Supervisor:
    """supervisord with the programs of one installation; it ends when this process does."""

    def __init__(self, settings: Settings, groups: Mapping[str, Sequence[Program]]) -> None:
        """`groups`: the shared one, and one for each replica."""
        self._settings = settings
        self._groups = groups
        self._process: subprocess.Popen[bytes] | None = None
        self._others: set[psutil.Process] = set()
        self._socket = supervisord.folder(settings) / "supervisor.sock"
        if len(str(self._socket)) > _LONGEST_SOCKET:
            self._socket = Path(tempfile.mkdtemp(prefix="cuelight-")) / "supervisor.sock"
        self._control = supervisord.Control(settings, self._socket)

    @contextmanager
    def running(self) -> Iterator[Supervisor]:
        """All programs, started; stopped when the block ends. The home is to be `held` by then."""
        self._start()
        try:
            yield self
        finally:
            self.stop()

    def _start(self) -> None:
        path = supervisord.write_main(self._settings, self._socket, self._groups[supervisord.SHARED])
        for name, programs in self._groups.items():
            if name != supervisord.SHARED:
                supervisord.write_group(self._settings, name, programs)
        log = log_file(self._settings, "supervisord")
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
        self._others = set(psutil.Process().children())
        adopt_orphans()  # what supervisord leaves behind, if it is killed, becomes ours to end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(path)],
            env=inherited(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for `cuelight up`, which stops the rest in order
            preexec_fn=_as_supervisord,
        )

    def stop(self) -> None:
        """End all programs, and wait until they are gone."""
        if self._process is None:
            return
        with suppress(OSError, Error):  # by itself it stops one group after the other
            self._control.stop_all()
        end(self._process, _STOP_SECONDS)
        self._process = None
        self._end_orphans()

    def _end_orphans(self) -> None:
        orphans = [each for each in psutil.Process().children(recursive=True) if each not in self._others]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in orphans:
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)
            _, orphans = psutil.wait_procs(orphans, _ORPHAN_SECONDS)

    def states(self) -> dict[str, str]:
        """Each program's state in supervisord's words (STARTING, RUNNING, FATAL, ...); none before it is up."""
        return self._control.states()

    @property
    def alive(self) -> bool:
        """Whether supervisord itself runs."""
        return self._process is not None and self._process.poll() is None


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """The home, for one stack at a time.

    Raises:
        Misconfigured: another `cuelight up` holds it.
    """
    with files.unless_held(supervisord.folder(settings) / "lock") as mine:
        if not mine:
            raise Misconfigured(
                f"`cuelight up` already runs with {settings.home}. Stop it, or choose another CUELIGHT_HOME."
            )
        yield


def _as_supervisord() -> None:
    """Have the kernel stop supervisord if this process dies without a word, and give it its programs' orphans."""
    end_with_parent()
    adopt_orphans()


def wait_for_end(supervisor: Supervisor) -> None:
    """Block until supervisord ends by itself, or this process is interrupted."""
    while supervisor.alive:
        time.sleep(0.5)
