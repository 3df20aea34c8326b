"""What supervisord is told: configuration files, and orders over its socket."""

from __future__ import annotations

import configparser
import io
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from cuelight.cli.stack.programs import Program, log_file
from cuelight.kit import files
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings

SHARED = "cuelight"  # the group of what no replica has of its own
_MAIN = "supervisord.conf"


def folder(settings: Settings) -> Path:
    """Where its configuration, its socket and its lock are."""
    return settings.home.absolute() / "run"


def configuration(settings: Settings, socket: Path, programs: Iterable[Program]) -> str:
    """The main file's text: the programs of the shared group; other groups have files of their own, beside it."""
    place = folder(settings)
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "logfile": str(place / "supervisord.log"),
        "pidfile": str(place / "supervisord.pid"),
        "childlogdir": str(place),
        "silent": "true",
    }
    config["unix_http_server"] = {"file": _plain(socket), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["include"] = {"files": "groups/*.conf"}
    return _text(config) + group(settings, SHARED, programs)


def group(settings: Settings, name: str, programs: Iterable[Program]) -> str:
    """The text of a group: supervisord stops groups one after the other, but all programs of a group at once."""
    config = configparser.RawConfigParser()
    for program in programs:
        config[f"program:{program.name}"] = _program(settings, program)
    config[f"group:{name}"] = {"programs": ",".join(each.name for each in programs)}
    return _text(config)


def _program(settings: Settings, program: Program) -> dict[str, str]:
    environment = ",".join(f'{name}="{_plain(value)}"' for name, value in program.environment.items())
    return {
        "command": _plain(shlex.join(program.command)),
        "environment": environment,
        "autorestart": "true",
        "startsecs": "2",
        "startretries": "10",
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": "20",
        "redirect_stderr": "true",
        "stdout_logfile": _plain(log_file(settings, program.name)),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "3",
    }


def _text(config: configparser.RawConfigParser) -> str:
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _plain(value: object) -> str:
    return str(value).replace("%", "%%")  # supervisord expands %(name)s


def write_main(settings: Settings, socket: Path, programs: Iterable[Program]) -> Path:
    """The main file, in place; groups that an earlier supervisord had are forgotten."""
    for left in (folder(settings) / "groups").glob("*.conf"):
        left.unlink()
    path = folder(settings) / _MAIN
    files.replace(path, configuration(settings, socket, programs).encode(), mode=0o600)
    return path


def write_group(settings: Settings, name: str, programs: Iterable[Program]) -> None:
    """A group's file, in place."""
    files.replace(_group_file(settings, name), group(settings, name, programs).encode(), mode=0o600)


def _group_file(settings: Settings, name: str) -> Path:
    return folder(settings) / "groups" / f"{name}.conf"


class Control:
    """Orders to the supervisord that runs in a home, from whichever process."""

    def __init__(self, settings: Settings, socket: Path) -> None:
        self._settings = settings
        self._socket = socket

    @property
    def _server(self) -> Any:
        """Asked anew each time: a connection that failed once does not mend itself."""
        return ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, f"unix://{self._socket}")).supervisor

    @classmethod
    def of(cls, settings: Settings) -> Control:
        """The one that `cuelight up` has started.

        Raises:
            Unavailable: it does not run.
        """
        config = configparser.RawConfigParser()
        config.read(folder(settings) / _MAIN)
        found = cls(settings, Path(config.get("unix_http_server", "file", fallback="/").replace("%%", "%")))
        if not found.states():
            raise Unavailable(f"No supervisor answers in {settings.home}. Is `cuelight up` running?")
        return found

    def states(self) -> dict[str, str]:
        """Each program's state in supervisord's words (STARTING, RUNNING, FATAL, ...); none before it is up."""
        try:
            infos = self._server.getAllProcessInfo()
        except OSError:
            return {}
        return {each["name"]: each["statename"] for each in infos}

    def add(self, name: str, programs: Iterable[Program]) -> None:
        """Have it run one more group, by its file."""
        write_group(self._settings, name, programs)
        self._server.reloadConfig()
        self._server.addProcessGroup(name)

    def start(self, name: str) -> None:
        """Start those of a group's programs that don't run."""
        self._server.startProcessGroup(name, False)

    def stop(self, name: str) -> None:
        """Stop a group's programs, and wait until they are gone."""
        self._server.stopProcessGroup(name)

    def stop_all(self) -> None:
        """Stop the gateway, which lets callers have their answers; then begin to stop all other programs at once."""
        with suppress(Fault):  # there is none, or it does not run
            self._server.stopProcess(f"{SHARED}:gateway")
        self._server.stopAllProcesses(False)

    def remove(self, name: str) -> None:
        """Forget a group, once its programs are stopped; none of that name is forgotten already."""
        _group_file(self._settings, name).unlink(missing_ok=True)
        try:
            self.stop(name)
            self._server.removeProcessGroup(name)
        except Fault as fault:
            if fault.faultCode != Faults.BAD_NAME:
                raise
        self._server.reloadConfig()
