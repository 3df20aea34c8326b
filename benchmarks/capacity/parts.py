"""The parts of which one may be too small: what bounds each, and what helps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """In words: what is held against which limit, and what helps; what does not exist is said to be missing."""

    name: str
    limit: str
    remedy: str


@dataclass(frozen=True)
class Load:
    """A part, and how many times its limit it has to bear."""

    part: Part
    times: float


PARTS: Mapping[str, Part] = {
    "gateway": Part(
        "one gateway",
        "the cores of one host, with headroom",
        "As many gateways as the table says: each with the same `database.url` finds all hosts. DNS or a balancer of "
        "layer 4 before them is yours: Cuelight has none.",
    ),
    "MLflow": Part(
        "MLflow's server, asked by followers",
        "one core, with headroom: `cuelight up` runs one process",
        "A longer `registry.poll_seconds`: where MLflow runs Cuelight's app, as with `cuelight up`, edits made in it "
        "are told to followers at once all the same. An MLflow of your own (`registry.uri`) on PostgreSQL, with "
        "several server processes. Missing: followers that by themselves ask seldom where edits are told.",
    ),
    "heartbeats": Part(
        "heartbeats of hosts",
        "one after the other: each locks the table of hosts while it reads all of it",
        "A longer `hosts.heartbeat_seconds`, and `hosts.silent_seconds` with it. Missing: a heartbeat that neither "
        "reads nor locks the others' rows.",
    ),
    "compactor": Part(
        "a host's compactor",
        "the requests a second of one process: there is one a journal, which the replicas of a machine share",
        "Hosts of fewer cores, more of them. `journal.record = false`, and no drift is judged. Missing: a sample of "
        "the requests in place of all; several compactors on one host.",
    ),
    "disk": Part(
        "a host's disk, for the journal",
        "its size",
        "`journal.archive`: ended days go to an object store, and `journal.local_days` or `journal.local_bytes` bound "
        "what is here. `journal.retention_days`, `journal.retention_bytes`, or larger disks.",
    ),
    "fetching": Part(
        "MLflow's server, when a version is promoted",
        "one core, for as long as a rollout may take: all hosts fetch the files through it",
        "Artifacts in an object store that hosts reach themselves, by an MLflow with such roots (`registry.uri`): with "
        "`mlflow.artifacts` they still come by way of its server.",
    ),
    "drift": Part(
        "drift jobs",
        "the time from one to the next: an installation's scheduler runs one at a time",
        "A longer `monitoring.schedule`, for all or for one model. Missing: several at a time.",
    ),
    "network": Part(
        "the network of one gateway",
        "what its host has, each way",
        "Several gateways.",
    ),
    "probes": Part(
        "a gateway's probes of hosts",
        "the cores of one host, with headroom",
        "A longer `gateway.health_seconds`.",
    ),
}
