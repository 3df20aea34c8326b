"""The replicas of a running installation: they come, drain and go, in steps that cost no request.

Who comes is started first, and gets requests once it is ready; who goes gets no new ones, and is stopped once those
that it has are answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from cuelight.cli.credentials import credentials
from cuelight.cli.stack import fleet
from cuelight.cli.stack.fleet import Fleet
from cuelight.cli.stack.ports import check, of_replicas
from cuelight.cli.stack.programs import answers, log_file, of_replica
from cuelight.cli.stack.served import served
from cuelight.cli.stack.standings import await_quiet, standings
from cuelight.cli.stack.supervisord import Control, folder
from cuelight.kit import files
from cuelight.kit.errors import Busy, Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica

_START_SECONDS = 120.0
_PAUSE_SECONDS = 0.1


class Crew:
    """Changes who serves, one change at a time; `say` is told each step as one sentence.

    Raises:
        Unavailable: `cuelight up` does not run.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._control = Control.of(settings)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs, nobody else changes who serves.

        Raises:
            Busy: somebody does.
        """
        with files.unless_held(folder(self._settings) / "crew.lock") as mine:
            if not mine:
                raise Busy("Somebody else is changing the replicas: wait for that to end.")
            yield

    def resize(self, count: int) -> None:
        """Have so many replicas on this machine.

        Raises:
            Misconfigured: there can't be so many, or a port is taken.
            Unavailable: one does not get ready (it is gone again then), or does not drain.
        """
        before = replicas.read(self._settings)
        after = fleet.resized(before, count)
        new = [each for each in after if each not in before]
        check(of_replicas(self._settings, new))
        for each in new:
            self._add(each)
        for each in sorted((each for each in before if each not in after), key=fleet.number, reverse=True):
            self._drop(each)
        if not new and len(after) == len(before):
            self._say(f"There are {count} already.")

    def drain(self, name: str) -> None:
        """Take a replica out of traffic, and stop it where it runs on this machine.

        Raises:
            NotFound: there is none of that name.
            Misconfigured: it is the last one that takes requests.
            Unavailable: it still has requests after the longest that one may take.
        """
        members = self._change(lambda known: fleet.drained(known, name))
        await_quiet(self._settings, name)
        if fleet.number(fleet.find(members, name)):
            self._control.stop(name)
            self._say(f"{name} is drained and stopped; `cuelight drain {name} --undo` brings it back.")
        else:
            self._say(f"{name} is drained. It runs elsewhere, and was not stopped.")

    def bring_back(self, name: str) -> None:
        """Start a replica that was drained, and send it requests once it is ready.

        Raises:
            NotFound: there is none of that name.
            Unavailable: it does not get ready.
        """
        replica = fleet.find(replicas.read(self._settings), name)
        if fleet.number(replica):
            self._control.start(name)
        self._admit(replica)
        self._say(f"{name} takes requests again.")

    def _add(self, replica: Replica) -> None:
        self._change(lambda known: fleet.joined(known, replica))
        try:
            self._control.add(replica.name, of_replica(replica))
            self._admit(replica)
        except BaseException:
            self._forget(replica.name)
            raise
        self._say(f"{replica.name} takes requests, at {replica.url}.")

    def _drop(self, replica: Replica) -> None:
        self._change(lambda known: fleet.drained(known, replica.name))
        await_quiet(self._settings, replica.name)
        self._forget(replica.name)
        self._say(f"{replica.name} is gone; what it recorded stays.")

    def _forget(self, name: str) -> None:
        self._control.remove(name)
        self._change(lambda known: tuple(each for each in known if each.name != name))

    def _change(self, how: Callable[[Fleet], Fleet]) -> Fleet:
        return replicas.change(self._settings, how)

    def _admit(self, replica: Replica) -> None:
        """Send it requests, once it is ready; the gateway, which asks for itself, is waited for as well."""
        self._await(replica, lambda: answers(f"{replica.url}/readyz", timeout=2.0) and self._is_abreast(replica))
        self._change(lambda known: fleet.drained(known, replica.name, draining=False))
        if self._settings.gateway_port:
            self._await(replica, lambda: self._is_healthy(replica.name))

    def _is_abreast(self, replica: Replica) -> bool:
        """Whether it serves what another one does that takes requests: it may have been away for long."""
        others = [each for each in replicas.read(self._settings) if not each.draining and each.name != replica.name]
        headers = credentials(self._settings)
        return all(served(each, headers).items() <= served(replica, headers).items() for each in others[:1])

    def _is_healthy(self, name: str) -> bool:
        found = standings(self._settings).get(name)
        return found is not None and found.healthy

    def _await(self, replica: Replica, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                log = log_file(self._settings, of_replica(replica)[0].name)
                raise Unavailable(f"{replica.name} is not ready after {_START_SECONDS:.0f} s; see {log}.")
            time.sleep(_PAUSE_SECONDS)


def document(settings: Settings) -> str:
    """Who there is to serve, as JSON: what `replicas.json` holds."""
    return msgspec.json.encode({"replicas": replicas.read(settings)}).decode()
