"""Reads the history on, and sends the alerts in it to every channel: in order, until they are taken, at least once."""

from __future__ import annotations

from collections.abc import Sequence

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.log import Log
from cuelight.monitoring.alerts.channel import Answer, Channel
from cuelight.monitoring.alerts.troubles import Terms, Watch, follow
from cuelight.operations.alerts import Delivery, State
from cuelight.operations.database import Operations
from cuelight.operations.holding import unique_holder
from cuelight.operations.leases import Lease

TICK_SECONDS = 2.0
LEASE = "alerts"
_LEASE_SECONDS = 60.0  # longer than any channel takes for one alert
_EVENTS, _AT_ONCE = 500, 10
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
_MOST_TRIES = 10  # of what the receiver does not want: it must not hold up the others for ever
_log = Log("monitoring.alerts")


class Dispatcher:
    """All that it knows is in the operations database: whichever process goes on, nothing is left out.

    One process sends at a time, under a lease. An alert is marked as delivered after it was: one that dies in between
    is followed by another that sends it again, with the same id.
    """

    def __init__(
        self, operations: Operations, channels: Sequence[Channel], terms: Terms, clock: Clock | None = None
    ) -> None:
        self._operations = operations
        self._channels = channels
        self._terms = terms
        self._clock = clock or SystemClock()
        self._holder = unique_holder()

    def tick(self) -> str:
        """Read on, send what is due, and say so in a sentence."""
        self._read_on()
        due = [channel for channel in self._channels if self._due(channel)]
        if not due:
            return "Nothing is to be sent now."
        lease = self._operations.acquire(LEASE, self._holder, _LEASE_SECONDS, self._clock.now())
        if lease is None:
            return "Another process sends alerts."
        try:
            return " ".join(self._serve(channel, lease) for channel in due)
        finally:
            self._operations.release(lease)

    def _read_on(self) -> None:
        last = self._operations.bookmark()
        watch = Watch.from_json(last.document)
        events = self._operations.history_after(watch.read, _EVENTS)
        # With more to come, the last event is as far as can be seen: what ends a trouble may follow.
        moment = events[-1].at if len(events) == _EVENTS else self._clock.now()
        after, found = follow(watch, events, moment, self._terms)
        if after != watch:
            names = [channel.name for channel in self._channels]
            self._operations.keep_alerts(last, after.to_json(), found, names)

    def _due(self, channel: Channel) -> Delivery | None:
        delivery = self._operations.first_waiting(channel.name)
        return delivery if delivery and delivery.next_at <= self._clock.now() else None

    def _serve(self, channel: Channel, lease: Lease) -> str:
        """Send in order what a channel's receiver will take; no more at once than leaves the others their turn."""
        sent = 0
        while sent < _AT_ONCE and (delivery := self._due(channel)):
            if not self._operations.renew(lease, _LEASE_SECONDS, self._clock.now()):
                break
            answer = channel.send(delivery.alert)
            self._note(channel, delivery, answer)
            if not answer.delivered:
                return f"{channel.name} waits: {answer.text}."
            sent += 1
        return f"{channel.name}: {sent} sent."

    def _note(self, channel: Channel, delivery: Delivery, answer: Answer) -> None:
        now = self._clock.now()
        state = outcome(answer, delivery.tries + 1)
        next_at = now + pause(delivery.tries + 1, answer.retry_after)
        self._operations.note_delivery(delivery, state, channel.target, answer.text, now, next_at)
        if not answer.delivered:
            write = _log.error if state == State.FAILED else _log.warning
            write("alert-not-delivered", f"{channel.name}: {answer.text}", id=delivery.alert.id, state=state.value)


def outcome(answer: Answer, tries: int) -> State:
    """What has become of an alert after so many tries."""
    if answer.delivered:
        return State.DELIVERED
    return State.FAILED if answer.hopeless and tries >= _MOST_TRIES else State.WAITING


def pause(tries: int, asked: float = 0.0) -> float:
    """Seconds until the next try: doubling, or what the receiver asks for, up to ten minutes."""
    return min(_LONGEST_PAUSE, max(asked, _FIRST_PAUSE * 2.0 ** min(tries - 1, 20)))
