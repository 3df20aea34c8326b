"""Events of a history that was never written."""

from __future__ import annotations

from typing import Any

from cuelight.monitoring.alerts.troubles import Terms, Watch, follow
from cuelight.operations.alerts import Alert
from cuelight.operations.history import Event

TERMS = Terms(60.0, "http://mlflow")
END = 1e9


def event(at: float, kind: str, version: int | None = 3, model: str = "m", writer: str = "one", **detail: Any) -> Event:
    """The `at`-th row of its writer's chain, at that second."""
    return Event(int(at), writer, int(at), at, kind, model, version, detail, f"hash {writer} {at}")


def told(*events: Event, now: float = END) -> list[Alert]:
    """The alerts of a history, read at once at `now`."""
    return follow(Watch(), events, now, TERMS)[1]


def titles(*events: Event, now: float = END) -> list[str]:
    """Their titles."""
    return [alert.title for alert in told(*events, now=now)]
