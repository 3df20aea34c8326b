"""What the arithmetic takes for granted, each to be changed by an option. Prices are nobody's: round numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


def _option(default: float, unit: str, text: str) -> float:
    return field(default=default, metadata={"unit": unit, "text": text})


@dataclass(frozen=True)
class Assumptions:
    """One installation."""

    cores: float = _option(8, "cores", "of a serving host, of a gateway, and of a host for the rest")
    headroom: float = _option(0.6, "share", "of the highest rate that was measured, or of a core, that is used at peak")
    zones: float = _option(3, "zones", "of which one may be lost at peak; 1: one host is spare")
    mean: float = _option(0.5, "share", "of the peak that comes on average: what is recorded goes by it")
    models: float = _option(10, "models", "that are registered, three versions each, and all served by every host")
    poll_seconds: float = _option(1.0, "s", "`registry.poll_seconds`")
    heartbeat_seconds: float = _option(2.0, "s", "`hosts.heartbeat_seconds`")
    drift_seconds: float = _option(600.0, "s", "from one drift job of a model to its next: `monitoring.schedule`")
    days: float = _option(90.0, "days", "that the journal is kept: `journal.retention_days`")
    disk_gib: float = _option(1000.0, "GiB", "of disk of a serving host, for the journal")
    network_gbit: float = _option(10.0, "Gbit/s", "of a host's network, each way")
    rollout_seconds: float = _option(60.0, "s", "in which all hosts should have fetched a new version")
    core_hour: float = _option(0.04, "USD", "a core and hour")
    memory_month: float = _option(3.0, "USD", "a GiB of memory and month")
    disk_month: float = _option(0.1, "USD", "a GiB of disk and month")
    object_month: float = _option(0.02, "USD", "a GiB in an object store and month")
