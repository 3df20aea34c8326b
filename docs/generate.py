"""Writes the reference pages from the code: `python docs/generate.py`; with `--check` it only says what is stale."""
# ruff: noqa: INP001  (docs is a folder of pages, no package)

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from prometheus_client.metrics_core import Metric

FOLDER = Path(__file__).resolve().parent / "reference"
_MADE = "<!-- Made by docs/generate.py: change the code, then run `make docs`. -->"
_WIDTH = 100
_FILE_ONLY = "only in the file"

# What each constant of `cuelight.registry.tags` holds.
_TAGS = {
    "STATE": "`fetching`, `trial`, `ready`, `serving`, `refused`, `failed` (tried again), or `rolled-back`.",
    "REASON": "Why, as one sentence.",
    "SINCE": "When the two above were written (UTC).",
    "DRIFT": "The last verdict on this version, with its reason.",
    "REPORT": "Link to the last drift report.",
    "MANIFEST": "SHA-256 of each file, with the model's name and the run's id, so that it fits no other version.",
    "SIGNATURE": "Ed25519 signature over the manifest: `ed25519:<key id>:<base64>`.",
    "PIPELINE": "Name of the pipeline that trained it.",
    "GATE": "`passed` or `failed`.",
    "GATE_REASON": "What the gate found, in a few sentences.",
    "TRAINED_BECAUSE": "Why it was trained: by hand, or the reason of the retrain request.",
    "TRAINED_UNTIL": "Event time of the newest row it was fitted on, in seconds since the epoch.",
    "REFERENCE": "The reference for drift: artifact of the run, and its SHA-256 (`path:digest`).",
    "DATA_FINGERPRINT": "SHA-256 of all data that went into the training.",
    "RETRAIN_REQUEST": "Number of the retrain request that asked for it.",
    "RETRAIN_ASKED": "When that request was filed, in seconds since the epoch; also on the run.",
    "CHAMPION": "Version that it was compared with on the same rows.",
    "CANARY": "Percent of Production's requests that Staging's version answers: `10`, or `10 for version 7`. The next "
    "version there starts at 0.",
    "ROLLOUT": "Raises the canary by itself: `5,25,50,100 every 10m`. The next version in Staging starts at `off`.",
    "SHADOW": "Percent of Production's requests that are also asked of the version in Staging, for the journal only.",
    "CONTROL": "Percent of callers that the version before keeps while a new one in Production bakes, to compare with.",
    "AUTO_ROLLBACK": "`true` (or no tag): a version of it that does badly is rolled back by itself; `false`: none is.",
    "WAVE": "`true` or a number: hosts at a time that take a new Production version, in turns; `false`: all at once.",
    "PII": "Names of personal columns, comma-separated: never journalled. A version's tag counts for all.",
    "KEY": "Input column whose values labels may name instead of a prediction's id, such as `order_id`.",
    "SERVE": "`false` leaves the model out of serving, `true` (or no tag) serves it. Anything else changes nothing.",
}
# Which part writes what it is not plain from the heading in the source who writes.
_WRITERS = {
    **dict.fromkeys(("STATE", "REASON", "SINCE"), "the follower"),
    **dict.fromkeys(("DRIFT", "REPORT"), "`cuelight drift`"),
    **dict.fromkeys(("MANIFEST", "SIGNATURE"), "`cuelight train`, `retrain`, `trust`"),
    **dict.fromkeys(("RETRAIN_REQUEST", "RETRAIN_ASKED"), "`cuelight retrain`"),
}
_METRIC_USE = {
    "cuelight_requests": "Errors: `status` from 500 on. What is not served has empty labels.",
    "cuelight_rows": "Rows in answers with status 200.",
    "cuelight_request_seconds": "Without the network. Buckets from 0.1 ms to 10 s.",
    "cuelight_stage_seconds": "`queue` (of its first call), `decode`, `predict` (the model), `encode`.",
    "cuelight_batch_calls": "How many calls came while the last ones were answered.",
    "cuelight_invalid_answers": "NaN, infinity, or nothing; looked for where two versions are held against each other.",
    "cuelight_rematches": "Of both by `result`: `worse`, `slower`, `even`, `neither`. Automatic rollback goes by them.",
    "cuelight_refused": "Why: `wait` (a version is busy), `deadline`, `memory` (big bodies), `threads` (Flask's).",
    "cuelight_waiting": "Requests that no thread has taken up, over all workers, four times a second.",
    "cuelight_in_flight": "Waiting ones included, over all workers, four times a second.",
    "cuelight_wait_seconds": "Predicted for the longest queue. Near `serving.max_wait_seconds`: overload.",
    "cuelight_journal_dropped": "Alarm on any increase: answers left that are not on record (full disk?).",
    "cuelight_shadow_dropped": "Mirrored too much for this host: lower `cuelight.shadow`. Answers are not held up.",
    "cuelight_spans_dropped": "The collector of traces is slow or away. Answers are not held up.",
    "cuelight_labels": "Labels that `feedback` took.",
    "cuelight_loads": "Of each worker. Rises by the number of workers with a promotion, and when one is replaced.",
    "cuelight_evictions": "As above, `serving.bake_seconds` after a promotion.",
    "cuelight_resident_versions": "On a track, or kept to go back to.",
    "cuelight_resident_bytes": "By their trials' measure, over all workers; what these share is counted for each.",
    "cuelight_guest_calls": "Was it in memory? `hit`, or `miss`; `refused`: a miss that came to nothing.",
    "cuelight_guest_loads": "Near `miss`: memory for so many versions is too small (`serving.cache_bytes`).",
    "cuelight_guest_evictions": "As above.",
    "cuelight_guest_versions": "How many there are now.",
    "cuelight_guest_bytes": "By their trials' measure. At most `serving.cache_bytes`.",
    "cuelight_generation": "Moves with every switch.",
    "cuelight_workers": "Alarm when below those wanted.",
    "cuelight_workers_wanted": "`serving.workers`, to compare with.",
    "cuelight_wait_limit_seconds": "`serving.max_wait_seconds`, to compare with.",
    "cuelight_registry_staleness_seconds": "Alarm above a minute. `NaN` before the first reading.",
    "cuelight_cpu_seconds": "Master, workers and annex, those that have ended too.",
    "cuelight_memory_bytes": "Of the same; what they share is counted for each.",
    "cuelight_network_bytes": "All programs' of the host (its network namespace): `received`, `sent`.",
    "cuelight_journal_lag_seconds": "Since it was last written to. Alarm above some minutes: no compactor runs.",
    "cuelight_journal_waiting_bytes": "What a compactor that stands still leaves behind.",
    "cuelight_journal_waiting_segments": "As above.",
    "cuelight_journal_damaged_records": "In `journal/damaged`. Alarm on any increase. What a kill cut off is none.",
    "cuelight_report_time_seconds": "In seconds since the epoch. As those below: of served models that have a report.",
    "cuelight_report_rows": "Fewer than `monitoring.min_rows`: not judged.",
    "cuelight_report_labelled_rows": "Quality is measured on them.",
    "cuelight_report_verdict": "0 for the other `verdict`s.",
    "cuelight_drifted_columns": "What the verdict goes by, with the model's use of them.",
    "cuelight_drift_score": "Calibrated: 4 is `monitoring.z`. The 200 columns that strayed farthest.",
    "cuelight_loss": "Absolute error, log loss or error rate; as the next two only where labels come.",
    "cuelight_reference_loss": "On rows that the version was not fitted on.",
    "cuelight_loss_score": "Above 2.33: worse by more than chance.",
    "cuelight_quality": "By `metric`, as in the report's run.",
}


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "settings.md": "\n".join(_settings()) + "\n",
        "cli.md": "\n".join(_commands()) + "\n",
        "tags.md": "\n".join(_tags()) + "\n",
        "metrics.md": "\n".join(_metrics()) + "\n",
        "history.md": "\n".join(_history()) + "\n",
    }


def _head(title: str, *text: str) -> Iterator[str]:
    yield from (f"# {title}", "", _MADE, "", *text, "")


def _settings() -> Iterator[str]:
    from cuelight.kit.settings import table

    yield from _head(
        "Settings",
        "The file `cuelight.toml` in the current folder (or where the variable `CUELIGHT_CONFIG` says), then the",
        "environment, then flags: the later wins. In the file, `serving.port` is `port` under `[serving]`; in the",
        "environment it is `CUELIGHT_SERVING_PORT`, and so on for all but those that only the file has. A name that",
        "is not here is an error, in the file and in the environment. `cuelight settings` shows the values that hold",
        "now. Processes read settings when they start. `cuelight up` has flags for a few; see [the commands](cli.md).",
    )
    for section, rows in groupby(table(), lambda row: row.key.rpartition(".")[0] if row.variable else _FILE_ONLY):
        yield from (f"## {section or 'installation'}", "")
        yield from ("| setting | default | unit | what it does |", "|---|---|---|---|")
        yield from (f"| `{row.key}` | {_default(row.default)} | {row.unit} | {row.help} |" for row in rows)
        yield ""


def _default(value: object) -> str:
    if value == "" or value == {}:
        return "(empty)"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and value >= 1 << 20 and value % (1 << 20) == 0:
        mebibytes = value >> 20
        return f"`{value}` ({f'{mebibytes} MiB' if mebibytes % 1024 else f'{mebibytes >> 10} GiB'})"
    return f"`{value}`"


def _commands() -> Iterator[str]:
    from click import Context

    from cuelight.cli import exit_codes
    from cuelight.cli.main import cuelight

    yield from _head(
        "Commands",
        "Settings come from `cuelight.toml` and the environment: see [settings](settings.md).",
    )
    yield from ("## Exit codes", "", "| code | of | means |", "|---|---|---|")
    yield from (f"| {each.code} | {each.commands} | {each.text} |" for each in exit_codes.MEANINGS)
    yield ""
    for path, command in _walk("cuelight", cuelight):
        context = Context(command, info_name=path, max_content_width=_WIDTH, terminal_width=_WIDTH)
        help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        inside = " (run by `cuelight up`)" if command.hidden else ""
        yield from (f"## {path}{inside}", "", "```text", help_text, "```", "")


def _walk(path: str, command: click.Command | None) -> Iterator[tuple[str, click.Command]]:
    from click import Context, Group

    assert command is not None
    yield path, command
    if isinstance(command, Group):
        context = Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from _walk(f"{path} {name}", inner)


def _tags() -> Iterator[str]:
    from cuelight.registry import tags

    yield from _head(
        "Tags",
        "Cuelight and people talk by tags in MLflow. On a **version**, they say what came of it; on a **registered",
        "model**, they are for people to set.",
    )
    source = Path(tags.__file__).read_text(encoding="utf-8")
    for heading, block in re.findall(r"^# (Written by .+?)\.\n((?:[A-Z_]+ = .+\n)+)", source, re.MULTILINE):
        yield from (f"## {heading}", "", "| tag | written by | holds |", "|---|---|---|")
        author = "people" if "people" in heading else "`cuelight train`, `retrain`"
        for name in re.findall(r"^([A-Z_]+) = ", block, re.MULTILINE):
            yield f"| `{getattr(tags, name)}` | {_WRITERS.get(name, author)} | {_TAGS[name]} |"
        yield ""
    yield from (
        "`cuelight train` also writes `cuelight.split` (which rows of which data were fitted on), so that two versions",
        "of one split are compared on the same held-out rows. Runs of drift reports carry `cuelight.model`,",
        "`cuelight.version` and `cuelight.verdict`.",
    )


def _history() -> Iterator[str]:
    from cuelight.operations.kinds import MEANINGS

    yield from _head(
        "History",
        "Lines of `cuelight history`. Each has its moment, its kind, the model, the version that it is about, the",
        "host that wrote it, its number in that host's chain, and details by name.",
    )
    for kind, meaning in MEANINGS.items():
        yield from (f"## {kind}", "", f"{meaning.when} Written by: {meaning.program}. Version: {meaning.version}.", "")
        yield from ("| detail | is |", "|---|---|")
        yield from (f"| `{name}` | {text} |" for name, text in meaning.details.items())
        yield ""


def _metrics() -> Iterator[str]:
    yield from _head(
        "Metrics",
        "`GET /metrics` of the scoring server, in Prometheus's text format: all workers of the host together.",
    )
    yield from ("| metric | kind | labels | what it counts | use |", "|---|---|---|---|---|")
    for family in _families():
        labels = sorted({name for sample in family.samples for name in sample.labels} - {"le"})
        shown = ", ".join(f"`{each}`" for each in labels) or "none"
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {shown} | {family.documentation} | {_METRIC_USE[family.name]} |"


def _families() -> list[Metric]:
    """The metric families in their order here."""
    page, order = metrics_page(), list(_METRIC_USE)
    from prometheus_client.parser import text_string_to_metric_families

    return sorted(text_string_to_metric_families(page), key=lambda each: order.index(each.name))


def metrics_page() -> str:
    """A metrics page that has a sample of each series; to be made once a process."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read when prometheus_client is imported
        from cuelight.journal.record import Prediction
        from cuelight.kit.settings import Settings
        from cuelight.operations import figures
        from cuelight.serving.answering.call import Party
        from cuelight.serving.answering.metrics import Metrics
        from cuelight.serving.answering.outcome import Answer, Outcome, Work
        from cuelight.serving.answering.readings import readings
        from cuelight.serving.answering.rematches import Result
        from cuelight.serving.host.board import Board

        settings = Settings(home=Path(folder))
        report = figures.Figures("m", 1, 0.0, "ok", 1, 1, 0, {"a": 0.0}, {"mae": 0.0}, 0.0, 0.0, 0.0)
        figures.write(settings.figures_folder, report)
        metrics = Metrics(*readings(Board(Path(folder, "board")), settings, lambda: ["m"]))
        record = Prediction(
            time=0.0,
            prediction_id="p",
            request_id="r",
            client="",
            caller="",
            model="m",
            version=1,
            digest="",
            track="Production",
            arm="champion",
            generation=1,
            status=200,
            latency_ms=1.0,
            rows=1,
            media_type="",
            request=b"",
            response=b"",
        )
        metrics.count([Outcome(Answer(200, b""), record, work=Work("", 1, 0.0), invalid=True)])
        metrics.count_rematch(Party("m", 1, "Production", "champion"), Result.EVEN)
        metrics.count_labels("m", 1)
        metrics.count_dropped(1)
        return metrics.page().decode()


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are stale; the exit code."""
    stale = {name: text for name, text in pages().items() if _read(FOLDER / name) != text}
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is stale: run `make docs`.\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in stale.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
