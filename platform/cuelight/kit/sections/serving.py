"""Sections `[serving]`, `[trial]`, `[trust]` and `[rollback]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import section, setting


@section
class Serving:
    """One serving host: what it takes, and what it lets in."""

    serving_host: str = setting("127.0.0.1", "address", "Address the scoring server binds to.")
    serving_port: int = setting(8000, "port", "Port of the scoring server.")
    serving_address: str = setting(
        "",
        "address",
        "Where gateways on other machines reach this host; empty: serving.host, or the address that leads to MLflow.",
    )
    serving_zone: str = setting("", "zone", "Zone of this host, for balancing by locality.")
    serving_replicas: int = setting(
        1, "hosts", "Serving hosts that `cuelight up` begins with, on ports from serving.port on."
    )
    serving_replica: str = setting(
        "", "name", "Which of them a program belongs to, which `cuelight up` sets; empty: the first, replica-1."
    )
    serving_workers: int = setting(2, "processes", "Scoring workers.")
    serving_threads: int = setting(8, "threads", "Request threads per worker.")
    serving_default_model: str = setting("", "model", "Model behind `POST /invocations`; empty: the only one.")
    serving_max_body_bytes: int = setting(16 << 20, "bytes", "Largest request body.")
    serving_max_expanded_bytes: int = setting(
        64 << 20, "bytes", "Largest request body or table once it is expanded, where it came compressed."
    )
    serving_max_rows: int = setting(100_000, "rows", "Most rows in one request.")
    serving_timeout_seconds: float = setting(30.0, "s", "Longest that a request may take; callers may ask for less.")
    serving_max_wait_seconds: float = setting(
        1.0, "s", "A request that would wait longer than this for a busy version is refused with 503."
    )
    serving_prepare_seconds: float = setting(30.0, "s", "A worker silent for so long in a switch is replaced.")
    serving_bake_seconds: float = setting(600.0, "s", "How long the previous Production version stays loaded.")
    serving_compile: bool = setting(True, "flag", "Predict in a quicker way where the trial proved it equal.")
    serving_cache_bytes: int = setting(
        512 << 20, "bytes", "Memory for versions on no track, loaded when they are asked for; 0: they are not."
    )
    serving_load_wait_seconds: float = setting(
        10.0, "s", "How long a request waits for such a version to be fetched and loaded; then it has 503."
    )
    serving_store_bytes: int = setting(10 << 30, "bytes", "Budget of the model store on disk.")

    trial_seconds: float = setting(60.0, "s", "Time a version has to load and predict before it is refused.")
    trial_memory_bytes: int = setting(8 << 30, "bytes", "Address space a version may use in its trial.")
    trial_requirements: bool = setting(True, "flag", "Refuse a version whose requirements this environment lacks.")

    trust_unsigned: bool = setting(False, "flag", "Load unsigned pickles and code. Anyone who can register, runs code.")

    rollback_auto: bool = setting(True, "flag", "Roll a version back that does worse while it bakes or is a canary.")
    rollback_false_alarms: float = setting(
        0.01, "share", "Of the bakes of versions that are no worse, at most this share ends in a rollback."
    )
    rollback_least: int = setting(10, "requests", "Answers that it takes to call a version worse.")
    rollback_enough: int = setting(100, "requests", "Answers that it takes to call a version fine, of each arm.")
    rollback_tolerated_percent: float = setting(
        1.0, "%", "Up to this share of its answers, bad ones are no reason to roll a version back."
    )
    rollback_move_stage: bool = setting(False, "flag", "After a rollback by itself, move the stage back in MLflow.")
