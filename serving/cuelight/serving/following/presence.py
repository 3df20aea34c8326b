"""This host among those that share the operations database: it says how it stands, and sees the others.

From a thread of its own, so that a database that hangs holds nothing up. Without it the host goes on as before, and
only what hosts agree on by it has to wait: who speaks for all of them, and whose turn it is in a wave.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cuelight.kit import files
from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError, Misconfigured
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.host import Host, Record, Role
from cuelight.serving.following.waves import Pace, Permits, granted, settle
from cuelight.serving.host.company import Company
from cuelight.serving.host.places import Places
from cuelight.serving.host.whereabouts import Whereabouts, introduced
from cuelight.serving.rollouts import pooled
from cuelight.serving.rollouts.pooled import Part, Parts

if TYPE_CHECKING:
    from cuelight.operations.database import Operations

CANT_READ = "It can't read MLflow."
_NO_ROLLOUTS = "{}"
_HEALED_SECONDS = 10.0
_LEAST_BEATS = 4  # in the time after which a host is silent
_STEADY_BEATS = 30  # in a row, until those that were not heard of meanwhile are taken for gone


def check(settings: Settings) -> None:
    """Go on only where a host is heard of several times before it is taken for silent.

    Raises:
        Misconfigured: it is not.
    """
    beat, silent = settings.hosts_heartbeat_seconds, settings.hosts_silent_seconds
    if silent < _LEAST_BEATS * beat:
        raise Misconfigured(
            f"hosts.silent_seconds is {silent:g}, and hosts.heartbeat_seconds {beat:g}: it must be at least "
            f"{_LEAST_BEATS * beat:g}, or hosts seem silent between two signs of life."
        )


class Bearing(NamedTuple):
    """How this host stands: its generation, its roles, and of which models so many hosts at a time may change."""

    generation: int = 0
    roles: tuple[Role, ...] = ()
    sizes: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Sight:
    """What was seen at a moment (of the monotonic clock): the other hosts, and who leads; nothing before a first look.

    `roles` are this host's as it wrote them down; `parts` what machines have counted that are not silent, this one too.
    """

    at: float = float("-inf")
    others: tuple[Host, ...] = ()
    leader: str = ""
    roles: tuple[Role, ...] = field(default=())
    parts: Parts = field(default_factory=dict)


class Presence:
    """One host's row in the table of hosts; `open_operations` None: it shares no database, and is alone.

    `unread` says for how long (s) the registry has given this host no good answer.
    """

    def __init__(
        self,
        settings: Settings,
        company: Company,
        open_operations: Callable[[], Operations] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._company = company
        self._open = open_operations
        self._clock = clock or SystemClock()
        self._started = self._clock.now()
        self._whereabouts = Whereabouts(settings)
        self._operations: Operations | None = None
        self._bearing = Bearing()
        self._parts: tuple[Part, ...] = ()
        self.unread: Callable[[], float] = lambda: 0.0
        self._steady = 0
        self.sight = Sight()
        self._trouble, self._troubled = "", float("-inf")
        self._loop = Loop(self.beat, lambda: settings.hosts_heartbeat_seconds, Log("serving.presence"), self._clock)
        self._thread = threading.Thread(target=self._loop.run, name="presence", daemon=True)

    @property
    def shared(self) -> bool:
        """Whether there may be hosts on other machines."""
        return self._open is not None and bool(self._settings.database_url)

    @property
    def joins(self) -> bool:
        """Whether there may be other hosts at all."""
        return self._open is not None and (bool(self._settings.database_url) or self._company.several)

    @property
    def several(self) -> bool:
        """Whether there are other hosts, as far as is known."""
        return self._company.several or bool(self.sight.others)

    @property
    def heard(self) -> list[Host]:
        """The other hosts that are not silent; none while they can't be seen."""
        known = self.sight.others if self.fresh else ()
        return [each for each in known if each.age <= self._settings.hosts_silent_seconds]

    @property
    def fresh(self) -> bool:
        """Whether the others were seen so lately that none of them takes this host for silent."""
        return self._clock.monotonic() - self.sight.at < self._settings.hosts_silent_seconds / 2.0

    def leads(self) -> bool:
        """Whether this host speaks for all: one of its machine's replicas does, and of all machines one."""
        if not self._company.leads():
            return False
        return not self.shared or (self.fresh and self.sight.leader == self._settings.host_name)

    def led(self) -> bool:
        """Whether another host speaks for all, and was heard of so lately that it takes itself for the one."""
        if not self.shared:
            return not self._company.leads()
        leader = next((each for each in self.sight.others if each.name == self.sight.leader), None)
        age = self._clock.monotonic() - self.sight.at + (leader.age if leader else 0.0)
        return leader is not None and age < self._settings.hosts_silent_seconds / 2.0

    @property
    def roles(self) -> tuple[Role, ...]:
        """This host's, as it wrote them down last; nothing while it can't see the others."""
        return self.sight.roles if self.fresh else ()

    @property
    def permits(self) -> Permits:
        """What it is this host's turn to take."""
        return granted(self.roles)

    @property
    def parts(self) -> Parts:
        """What each machine has counted of its bakes; nothing while the others can't be seen."""
        return self.sight.parts if self.fresh else {}

    def count(self, parts: tuple[Part, ...]) -> None:
        """What this machine has counted of its bakes by now."""
        self._parts = parts

    def tell(self, bearing: Bearing) -> None:
        """How this host stands from now on."""
        self._bearing = bearing

    def attend(self, tick: Callable[[], str]) -> str:
        """One tick of the follower; what keeps it from going on, such as a full disk, the other hosts see."""
        try:
            sentence = tick()
        except Exception as error:
            self._trouble, self._troubled = f"Its follower can't go on: {_cause(error)}.", self._clock.monotonic()
            raise
        if self._clock.monotonic() - self._troubled > _HEALED_SECONDS:  # ticks in between may have nothing to write
            self._trouble = ""
        return sentence

    def start(self) -> None:
        """Be seen from now on."""
        if self._open:
            self._thread.start()

    def stop(self) -> None:
        """Be silent; where this host led, another may at once. One that is to be stopped altogether is forgotten."""
        self._loop.stop()
        if not self._thread.is_alive():
            return
        self._thread.join(2.0)
        ends = Places(self._settings.serving_folder).leaving.exists()
        leads = self.sight.leader == self._settings.host_name
        if self._operations and (ends or leads) and not self._thread.is_alive():
            own = replicas.identity(self._settings, self._settings.serving_replica)
            with suppress(CuelightError, OSError):  # the lead ends by itself, and so does what is remembered
                self._operations.leave(self._settings.host_name, own.read_text() if ends else "")

    def beat(self) -> str:
        """One sign of life, and one look; the sentence says how it went."""
        if not self.joins:
            return ""
        seen_at = self._clock.monotonic()
        try:
            self._look(seen_at)
        except CuelightError as error:
            self._steady = 0
            return f"The other hosts can't be seen: {error}"
        silent = [each.name for each in self.sight.others if each.age > self._settings.hosts_silent_seconds]
        said = f"{len(self.sight.others)} other hosts" + (f", silent: {', '.join(silent)}" if silent else "")
        return f"{said}; {self.sight.leader or 'nobody'} speaks for all"

    def _look(self, at: float) -> None:
        if self._operations is None:
            assert self._open
            self._operations = self._open()
        permits, bearing, silent = self.permits, self._bearing, self._settings.hosts_silent_seconds
        record, pace = self._record(bearing), Pace(self._settings.hosts_wave_seconds, silent)

        def take_turns(record: Record, others: Sequence[Host]) -> Record:
            return settle(record, others, bearing.sizes, pace, permits)

        new = self.sight.at == float("-inf") and record.rollouts == _NO_ROLLOUTS
        roll = self._operations.beat(record, take_turns, silent, self._is_candidate(record) and not new)
        if roll is None:
            return  # another came at the same moment: at the next beat
        others = tuple(each for each in roll.hosts if each.name != record.name)
        own = next(each for each in roll.hosts if each.name == record.name)
        parts = {each.name: pooled.read(each.bakes) for each in roll.hosts if each.age <= silent}
        counted = {name: known for name, known in parts.items() if known is not None}
        self.sight = Sight(at, others, roll.leader, own.roles, counted)
        youngest = min(others, key=lambda each: each.age, default=None) if new else None
        self._adopt(next((each for each in others if each.name == roll.leader), youngest))  # not with a full disk
        if new and not roll.leader:
            self._look(at)  # now that it knows how far rollouts are, it may lead
            return
        self._steady += 1
        if self._steady > _STEADY_BEATS and roll.leader == record.name:
            self._steady = 0
            self._operations.forget_hosts()

    def _is_candidate(self, record: Record) -> bool:
        """Whether this host may speak for all: not while it can't go on or read the registry, and another can."""
        able = (each for each in self.heard if each.bakes and not each.trouble)  # one speaks for its machine
        patience = self._settings.hosts_silent_seconds / 2.0
        better = record.trouble and any(each.unread < patience for each in able)
        return self._company.leads() and not better

    def _adopt(self, leader: Host | None) -> None:
        """Take over how far rollouts are, from the host of another machine that takes them up their steps."""
        if leader and self.shared and self._company.leads() and leader.rollouts != self._rollouts():
            files.replace(self._company.rollouts, leader.rollouts.encode())

    def _rollouts(self) -> str:
        path = self._company.rollouts
        return path.read_text() if path.exists() else _NO_ROLLOUTS

    def _record(self, bearing: Bearing) -> Record:
        known = introduced(self._settings, self._started, self._whereabouts.address())
        said: dict[str, Any] = {"generation": bearing.generation, "roles": bearing.roles, "rollouts": self._rollouts()}
        said["bakes"] = pooled.write(self._parts) if self._company.leads() else ""  # one speaks for its machine
        said["unread"] = self.unread()
        deaf = CANT_READ if said["unread"] > self._settings.hosts_silent_seconds else ""
        return msgspec.structs.replace(known, clock=self._clock.now(), trouble=self._trouble or deaf, **said)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError | CuelightError):
        return str(getattr(error, "strerror", None) or error).rstrip(".")
    return f"{type(error).__name__}: {error}"
