"""Sections `[database]`, `[hosts]` and `[dask]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import section, setting


@section
class Hosts:
    """What several machines have in common."""

    database_url: str = setting(
        "", "URL", "PostgreSQL for MLflow's database and the operations database; empty: SQLite in the home folder."
    )

    hosts_heartbeat_seconds: float = setting(
        2.0, "s", "How often a serving host writes to the operations database that it is there, and reads who else is."
    )
    hosts_silent_seconds: float = setting(
        15.0,
        "s",
        "A host without a sign of life for so long is silent: another may lead, and waves go on without it. At least "
        "four times hosts.heartbeat_seconds.",
    )
    hosts_catch_up_seconds: float = setting(
        30.0, "s", "With database.url, a host that starts is ready once it has read the registry, or after so long."
    )
    hosts_wave_seconds: float = setting(
        30.0, "s", "In a wave (tag cuelight.wave) a host serves the new version for so long before the next one does."
    )

    dask_scheduler: str = setting(
        "",
        "address",
        "Dask scheduler whose workers score batches and fit searches, such as tcp://10.0.0.5:8786; empty: none.",
    )
