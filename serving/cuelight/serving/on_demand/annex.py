"""The annex: one process beside the workers, for versions that are on no track and are loaded when they are asked for.

In a worker, what loads and leaves would cost the callers of every version, since Python runs one thread at a time. Here
it costs those who asked for it. Callers never see the annex: workers hand calls in by its door.
"""

from __future__ import annotations

import os
import time
from typing import Any

from msgspec.structs import replace

from cuelight.kit.errors import Unavailable
from cuelight.serving.answering.door import cut
from cuelight.serving.answering.lanes import Ticket
from cuelight.serving.answering.metrics import HIT, MISS, REFUSED
from cuelight.serving.answering.parts import ELSEWHERE
from cuelight.serving.on_demand.foyer import Foyer
from cuelight.serving.workers.line import Line
from cuelight.serving.workers.worker import Worker

_WAIT_SECONDS = 0.05  # between two looks while somebody waits
_NICENESS = 5  # what is on a track goes first


class Annex(Worker):
    """A worker that takes calls by the door, and lets those wait whose version is not in memory."""

    def __init__(self, age: int, parent: int, _sockets: Any, app: Any, *more: Any) -> None:
        super().__init__(age, parent, [app.doorway], app, *more)

    def init_process(self) -> None:
        """One that can't come up is started again; gunicorn would end all workers if it had not `booted`."""
        self.booted = True
        os.nice(_NICENESS)
        super().init_process()

    def load_wsgi(self) -> None:
        """Its parts; it speaks no WSGI."""
        self._parts, self._guests, wants = self.app.build_annex()
        patience = self._parts.settings.serving_load_wait_seconds
        self._foyer = Foyer(self._guests, wants, patience, lambda: self.method_queue.defer(_nothing))

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: ARG002
        """Always: workers that are told to stop still hand calls in."""
        super().set_accept_enabled(True)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn, after which those go on whose wait is over."""
        super().wait_for_and_dispatch_events(min(timeout, _WAIT_SECONDS) if len(self._foyer) else timeout)
        in_use = self._lanes.in_use
        self._guests.look(time.monotonic(), in_use)
        for ticket in self._foyer.look(in_use):
            self._connections.listen(ticket.whose)
            self._go_on(ticket)

    @property
    def _in_flight(self) -> int:
        return 0  # the workers that handed them in count them

    def _read(self, line: Line) -> None:
        line.busy = False
        call = cut(line.buffer)
        if call is None:
            self._connections.wait_for_more(line)
            return
        line.busy = True
        self._guests.refresh()  # whoever handed it in may have read of a version that is new
        found = self._go_on(Ticket(line, call))
        self._parts.metrics.count_guest_call(HIT if found else MISS)

    def _go_on(self, ticket: Ticket) -> bool:
        """Let a call in, or let it wait; True: its version is in memory."""
        call = ticket.call
        kind = None if call.fault else self._parts.kind(call)
        if kind is ELSEWHERE:
            self._let_wait(ticket)
            return False
        if call.fault:
            self._parts.metrics.count_guest_call(REFUSED)
        elif kind:
            self._guests.use(kind.digest, time.monotonic())
        self._admit(Ticket(ticket.whose, call, kind))
        return True

    def _let_wait(self, ticket: Ticket) -> None:
        try:
            self._foyer.enter(ticket)
        except Unavailable as fault:
            self._go_on(Ticket(ticket.whose, replace(ticket.call, fault=fault)))
        else:
            self._connections.forget(ticket.whose)


def _nothing() -> None:
    """To wake the loop is all."""
