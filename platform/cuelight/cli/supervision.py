"""Runs the stack under supervisord: it restarts what dies, and leaves nothing behind when it is told to stop."""

from __future__ import annotations

import configparser
import fcntl
import io
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from cuelight.cli.stack import Program, inherited, log_file
from cuelight.kit import files
from cuelight.kit.errors import Misconfigured
from cuelight.kit.orphans import adopt_orphans, end_with_parent
from cuelight.kit.settings import Settings

_STOP_SECONDS = 40
_ORPHAN_SECONDS = 10
_LONGEST_SOCKET = 100  # the kernel's limit on a unix socket's path is 107 bytes


class Supervisor:
    """supervisord with the programs of one installation; it ends when this process does."""

    def __init__(self, settings: Settings, programs: list[Program]) -> None:
        self._settings = settings
        self._programs = programs
        self._folder = _run_folder(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._others: set[psutil.Process] = set()
        self._socket = self._folder / "supervisor.sock"
        if len(str(self._socket)) > _LONGEST_SOCKET:
            self._socket = Path(tempfile.mkdtemp(prefix="cuelight-")) / "supervisor.sock"

    @contextmanager
    def running(self) -> Iterator[Supervisor]:
        """All programs, started; stopped when the block ends.

        Raises:
            Misconfigured: another `cuelight up` holds this home.
        """
        with held(self._settings):
            self._start()
            try:
                yield self
            finally:
                self.stop()

    def _start(self) -> None:
        for program in self._programs:
            log_file(self._settings, program.name).parent.mkdir(parents=True, exist_ok=True)
        path = self._folder / "supervisord.conf"
        files.replace(path, self.configuration().encode(), mode=0o600)
        output = log_file(self._settings, "supervisord").open("ab")
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
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
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
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            infos: Any = ServerProxy("http://127.0.0.1", transport=transport).supervisor.getAllProcessInfo()
        except (OSError, ConnectionError):
            return {}
        return {each["name"]: each["statename"] for each in infos}

    @property
    def alive(self) -> bool:
        """Whether supervisord itself runs."""
        return self._process is not None and self._process.poll() is None

    def configuration(self) -> str:
        """The configuration file's text."""
        config = configparser.RawConfigParser()
        config["supervisord"] = {
            "logfile": str(self._folder / "supervisord.log"),
            "pidfile": str(self._folder / "supervisord.pid"),
            "childlogdir": str(self._folder),
            "silent": "true",
        }
        config["unix_http_server"] = {"file": _plain(self._socket), "chmod": "0600"}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in self._programs:
            config[f"program:{program.name}"] = self._program(program)
        # One group: supervisord stops groups one after the other, but all programs of a group at once.
        config["group:cuelight"] = {"programs": ",".join(each.name for each in self._programs)}
        text = io.StringIO()
        config.write(text)
        return text.getvalue()

    def _program(self, program: Program) -> dict[str, str]:
        environment = ",".join(f'{name}="{_plain(value)}"' for name, value in program.environment.items())
        return {
            "command": _plain(shlex.join(program.command)),
            "directory": _plain(Path.cwd()),
            "environment": environment,
            "autorestart": "true",
            "startsecs": "2",
            "startretries": "10",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": "20",
            "redirect_stderr": "true",
            "stdout_logfile": _plain(log_file(self._settings, program.name)),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "3",
        }


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """The home, for one stack at a time.

    Raises:
        Misconfigured: another `cuelight up` holds it.
    """
    folder = _run_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misconfigured(
                f"`cuelight up` already runs with {settings.home}. Stop it, or choose another CUELIGHT_HOME."
            ) from error
        yield


def _run_folder(settings: Settings) -> Path:
    return settings.home.absolute() / "run"


def _plain(value: object) -> str:
    return str(value).replace("%", "%%")  # supervisord expands %(name)s


def _as_supervisord() -> None:
    """Have the kernel stop supervisord if this process dies without a word, and give it its programs' orphans."""
    end_with_parent()
    adopt_orphans()


def wait_for_end(supervisor: Supervisor) -> None:
    """Block until supervisord ends by itself, or this process is interrupted."""
    while supervisor.alive:
        time.sleep(0.5)
