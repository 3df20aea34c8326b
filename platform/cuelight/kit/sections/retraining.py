"""Section `[retrain]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import section, setting


@section
class Retraining:
    """When a retraining is asked for, and what it learns from."""

    retrain_auto: bool = setting(True, "flag", "Let a verdict ask for retraining.")
    retrain_schedule: str = setting("", "cron", "When a retraining is asked for, whatever the verdict; empty: never.")
    retrain_every_labels: int = setting(
        0, "rows", "Ask for one whenever so many new labelled rows have come since the last; 0: never."
    )
    retrain_most_a_day: int = setting(
        4, "requests", "Most retrainings of a model that are asked for in a day, but by people; 0: no limit."
    )
    retrain_cooldown_seconds: float = setting(
        3600.0, "s", "From the end of a retraining until another is asked for; doubled by each failure."
    )
    retrain_patience_days: float = setting(
        3.0, "d", "No other is asked for, but by people, while a challenger has waited in Staging for less; 0: it is."
    )
    retrain_lease_seconds: float = setting(120.0, "s", "A retraining that is silent for so long is taken over.")
    retrain_seconds: float = setting(21_600.0, "s", "The scheduler ends a retraining that takes longer.")
    retrain_min_labels: int = setting(500, "rows", "Fresh labelled rows a retraining needs.")
    retrain_rows: str = setting(
        "all",
        "policy",
        "Rows that are fitted on: all, the recent ones, or all weighted, the older the less.",
        choices=("all", "recent", "weighted"),
    )
    retrain_recent: str = setting(
        "30d", "rows or time", "What is recent (5000, 12h, 30d); weighted: the age at which a row counts half."
    )
    retrain_rollout: str = setting(
        "", "plan", "Live requests for a challenger in Staging: 5,25,50 every 10m, or a percentage; empty: none."
    )
    retrain_shadow: float = setting(0.0, "%", "Requests that are mirrored to a challenger in Staging; 0: as it is.")
    retrain_promote: bool = setting(False, "flag", "Put a challenger that passes the gate straight into Production.")
