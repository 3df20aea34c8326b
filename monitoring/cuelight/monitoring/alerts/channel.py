"""What every way to a receiver has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cuelight.kit.log import Log
from cuelight.operations.alerts import Alert, Severity

_log = Log("monitoring.alerts")


@dataclass(frozen=True)
class Answer:
    """How a try went.

    Attributes:
        text: what the receiver said, or why there is nothing that it said.
        hopeless: this message was refused and the next may be taken; it is no use to wait for the receiver.
        retry_after: seconds that the receiver asks for.
    """

    delivered: bool
    text: str
    hopeless: bool = False
    retry_after: float = 0.0


class Channel(Protocol):
    """A way to one receiver; `target` says where to, as far as that may be shown."""

    @property
    def name(self) -> str:
        """One word, the same for good: what waits for the receiver is kept under it."""

    @property
    def target(self) -> str:
        """Where alerts go, without secrets."""

    def send(self, alert: Alert) -> Answer:
        """Send it, within a limit of time; what goes wrong is an answer too."""


class LogLine:
    """The channel that is always there: a line in the log of the process that sends."""

    name, target = "log", ""

    def send(self, alert: Alert) -> Answer:
        write = {Severity.CRITICAL: _log.error, Severity.WARNING: _log.warning}.get(alert.severity, _log.info)
        fields = {"id": alert.id, "model": alert.model, "version": alert.version, "link": alert.link}
        write("alert", f"{alert.title}. {alert.text}", recovered=alert.recovered, **fields)
        return Answer(True, "")
