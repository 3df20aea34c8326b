"""Sections `[monitoring]` and `[alerts]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import HIDDEN, section, setting


@section
class Monitoring:
    """How drift is judged, and who is told."""

    monitoring_schedule: str = setting("*/10 * * * *", "cron", "When each model's drift is judged (UTC); off: never.")
    monitoring_jitter_seconds: float = setting(
        0.0, "s", "Each turn comes up to so much later, by model and host, so that not all start at once."
    )
    monitoring_window: str = setting(
        "2000 rows", "window", "What is judged: the newest rows, or time such as 1d; `1d tumbling`: no two overlap."
    )
    monitoring_against: str = setting(
        "reference",
        "name",
        "What it is compared with: reference, previous (the window before), or weekday (the same).",
        choices=("reference", "previous", "weekday"),
    )
    monitoring_by: str = setting(
        "", "column", "Input whose values are segments, each judged by itself as well, such as region; empty: none."
    )
    monitoring_min_rows: int = setting(500, "rows", "Fewer rows than this are not judged.")
    monitoring_most_rows: int = setting(
        1_000_000, "rows", "Of a window with more rows, about so many are judged, chosen by a hash of their ids."
    )
    monitoring_q: float = setting(0.03, "share", "False-discovery rate of the per-column tests.")
    monitoring_z: float = setting(3.0, "sigma", "Calibrated score above which a column has drifted.")
    monitoring_group: str = setting(
        "", "column", "Rows of one value of it belong together, such as a person's; empty: as the pipeline says."
    )
    monitoring_cycle: str = setting(
        "none",
        "name",
        "Compare with rows of the same hours: of the day (daily), of the week (weekly), or none.",
        choices=("none", "daily", "weekly"),
    )
    monitoring_plot_rows: int = setting(10_000, "rows", "Rows that Evidently's plots are drawn on.")

    alerts_webhook: str = setting("", HIDDEN, "URL that alerts are posted to, as JSON; empty: none.")
    alerts_webhook_style: str = setting(
        "generic", "style", "What the webhook takes: generic or slack.", choices=("generic", "slack")
    )
    alerts_email_to: str = setting("", "addresses", "Who gets alerts by e-mail, comma-separated; empty: nobody.")
    alerts_email_from: str = setting("", "address", "Sender of e-mail; empty: the first who gets it.")
    alerts_smtp_host: str = setting("", "host", "Mail server that takes alerts.")
    alerts_smtp_port: int = setting(587, "port", "Port of the mail server.")
    alerts_smtp_security: str = setting(
        "starttls", "mode", "Encryption to the mail server: starttls, tls or none.", choices=("starttls", "tls", "none")
    )
    alerts_smtp_user: str = setting("", "name", "User at the mail server; empty: none.")
    alerts_smtp_password: str = setting("", HIDDEN, "Password at the mail server.")
    alerts_refused_seconds: float = setting(
        60.0, "s", "A refusal is worth an alert when it lasts for so long: what passes is not."
    )
    alerts_repeat_seconds: float = setting(0.0, "s", "A trouble that lasts is told again so often; 0: once is enough.")
