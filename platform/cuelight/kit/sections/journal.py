"""Sections `[journal]` and `[telemetry]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import section, setting


@section
class Journal:
    """What is recorded of requests: in the journal, and in traces."""

    journal_record: bool = setting(True, "flag", "Record what is asked and answered: drift is judged on it.")
    journal_segment_bytes: int = setting(64 << 20, "bytes", "A journal segment is closed at this size.")
    journal_segment_seconds: float = setting(5.0, "s", "A journal segment is closed at this age.")
    journal_sync: str = setting(
        "interval",
        "mode",
        "When the journal is synced to disk: none, interval or each.",
        choices=("none", "interval", "each"),
    )
    journal_pii: str = setting(
        "drop",
        "mode",
        "What is written instead of personal values (tag cuelight.pii): drop (nothing), mask or hash.",
        choices=("drop", "mask", "hash"),
    )
    journal_compact_seconds: float = setting(5.0, "s", "How often closed segments are turned into Parquet.")
    journal_retention_days: float = setting(90.0, "days", "Compacted rows older than this are deleted.")
    journal_retention_bytes: int = setting(
        0, "bytes", "While the compacted journal is larger, its oldest days are deleted; 0: by age alone."
    )
    journal_archive: str = setting(
        "", "URL", "Object store that ended days of the journal go to, s3://bucket/prefix, or a folder; empty: none."
    )
    journal_local_days: float = setting(
        7.0, "days", "With an archive: days that are in it, and ended longer ago, are deleted here."
    )
    journal_local_bytes: int = setting(
        0, "bytes", "With an archive: while the journal here is larger, its oldest files are deleted here; 0: any size."
    )

    telemetry_traces: str = setting(
        "",
        "URL",
        "Where traces go by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; empty: there are none.",
    )
    telemetry_sample: float = setting(
        1.0, "share", "Of the requests whose caller does not say whether they are traced, so many are."
    )
