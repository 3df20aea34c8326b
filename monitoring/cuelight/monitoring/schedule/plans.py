"""Which jobs there are, and by which turns, as the settings say. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.schedule.cron import next_turn

RETRAIN = "retrain"  # carries requests out, when there are some
DRIFT, ASK = "drift:", "retrain:"  # with a model's name: judge it; ask for its retraining


@dataclass(frozen=True)
class Plan:
    """The turns of a job: those of a cron line, each up to `jitter` seconds late, differently on each `host`."""

    line: str
    jitter: float = 0.0
    host: str = ""

    @property
    def is_off(self) -> bool:
        """Whether there are none: somebody else's schedule runs the job, or nobody's."""
        return self.line.strip().lower() in ("", "off")

    def turn(self, name: str, after: float) -> float:
        """The first one later than `after`, both in seconds since the epoch.

        Raises:
            Misconfigured: the line is no cron line.
        """
        moment = next_turn(self.line, after)
        drawn = hashlib.sha256(f"{self.host} {name} {moment:.0f}".encode()).digest()
        return moment + self.jitter * int.from_bytes(drawn[:8]) / 2**64


def plans(settings: Settings, models: Iterable[str], host: str, now: float) -> tuple[dict[str, Plan], list[str]]:
    """Plans by job, and what is wrong with the others, a sentence each."""
    found, faults = {}, []
    for model in models:
        for name, plan in _of(settings.of(model), model, host):
            try:
                plan.turn(name, now)
            except Misconfigured as error:
                faults.append(f"{model} is not scheduled: {error}")
            else:
                found[name] = plan
    return found, faults


def _of(settings: Settings, model: str, host: str) -> Iterator[tuple[str, Plan]]:
    jitter = settings.monitoring_jitter_seconds
    lines = {DRIFT + model: settings.monitoring_schedule, ASK + model: settings.retrain_schedule}
    for name, line in lines.items():
        plan = Plan(line, jitter, host)
        if not plan.is_off:
            yield name, plan
