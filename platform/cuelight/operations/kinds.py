"""The kinds of lines in the history: when each is written, by whom, and what its details mean.

The follower hands its lines over by these names, as plain text. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a line is about."""

    MOVED = "moved"
    SWITCHED = "switched"
    TRAFFIC = "traffic"
    ALIASES = "aliases"
    STANDBY = "standby"
    PERSONAL = "personal"
    PERSONAL_UNKNOWN = "personal-unknown"
    ROLLBACK_REFUSED = "rollback-refused"
    ROLLBACK_SETTLED = "rollback-settled"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"
    BAKED = "baked"
    DRIFT = "drift"
    RETRAIN_REQUESTED = "retrain-requested"
    RETRAINED = "retrained"
    ERASED = "erased"
    BATCH = "batch"
    JOB_FAILED = "job-failed"
    JOB_RECOVERED = "job-recovered"


@dataclass(frozen=True)
class Meaning:
    """When a kind is written and by which program, which version it names, and what its details are."""

    when: str
    program: str
    version: str
    details: Mapping[str, str] = field(default_factory=dict)


_GENERATION = "number of the deployment that this host committed"
_EDITED = {
    "by": "who made the edit behind it, where MLflow tells and knows",
    "client": "address from which the edit came to MLflow, where it tells",
    "moved_at": "when MLflow carried the edit out, where it tells",
}

MEANINGS: Mapping[Kind, Meaning] = {
    Kind.MOVED: Meaning(
        "The registry has a version in another stage, or an alias at another version, than it had a moment before.",
        "follower",
        "the one that is there now; none if the alias was taken away",
        {
            "stage": "stage that the version is in now",
            "alias": "alias that points at the version now; a line has this, or a stage",
            "before": "stage that it was in, or version that the alias pointed at",
            **_EDITED,
        },
    ),
    Kind.SWITCHED: Meaning(
        "All workers of a host have switched: another version, or none, is on a track.",
        "follower",
        "the new one; none if the track is empty now",
        {
            "track": "`Production` or `Staging`",
            "before": "version that was there until now, or null",
            "why": "`stage`, `alias NAME`, `rolled back from version N`, or `taken off`",
            "generation": _GENERATION,
            "run_id": "MLflow's id of the run that trained the new version",
            **_EDITED,
        },
    ),
    Kind.TRAFFIC: Meaning(
        "All workers of a host share a model's requests in another way.",
        "follower",
        "the one in Staging",
        {
            "canary": "percent of Production's requests that Staging answers",
            "shadow": "percent of Production's requests that are mirrored to Staging",
            "control": "percent that the version before keeps while the one in Production bakes",
            "why": "the rollout's plan, and why it is at this share; empty where there is none",
            "generation": _GENERATION,
            **_EDITED,
        },
    ),
    Kind.ALIASES: Meaning(
        "Requests by a model's aliases are answered by other versions.",
        "follower",
        "none",
        {"aliases": "version by alias, as they are now", "generation": _GENERATION},
    ),
    Kind.STANDBY: Meaning(
        "Other former Production versions of a model are kept loaded.",
        "follower",
        "none",
        {
            "kept": "versions that are kept loaded now",
            "rival": "the one of them that the version in Production is held against while it bakes, or null",
            "generation": _GENERATION,
        },
    ),
    Kind.PERSONAL: Meaning(
        "Other columns of a model are kept out of a host's journal.",
        "follower",
        "none",
        {"columns": "names of the personal columns, as they are now", "generation": _GENERATION},
    ),
    Kind.PERSONAL_UNKNOWN: Meaning(
        "A tag names personal columns that a served version does not have: most likely a name is misspelt.",
        "follower",
        "the one that lacks them",
        {"columns": "the names that its signature does not have"},
    ),
    Kind.ROLLBACK_REFUSED: Meaning(
        "A rollback that a person ordered while MLflow was away can't be carried out; nothing was changed.",
        "follower",
        "the one that was asked for; none where it was the one before",
        {"by": "the system's user who ordered it", "reason": "why, as one sentence"},
    ),
    Kind.ROLLBACK_SETTLED: Meaning(
        "The registry was to be told of a rollback, and shows now what became of that.",
        "follower",
        "the one that was taken off",
        {
            "outcome": "`moved`: the registry says the same; `overruled`: it has another version there",
            "to": "version that answered instead",
            "in_production": "version that the registry has in Production, or null",
            "by": "as in `rolled-back`",
        },
    ),
    Kind.REFUSED: Meaning(
        "A version can't be served; once for each reason.",
        "follower",
        "the refused one",
        {"reason": "why, as one sentence"},
    ),
    Kind.ROLLED_BACK: Meaning(
        "A version was taken off its track, or a canary lost its share.",
        "follower",
        "the one that was taken off",
        {
            "track": "`Production`; `Staging` for a canary",
            "to": "version that answers instead",
            "reason": "why, as one sentence",
            "by": "who did it; empty where it did worse and nobody was asked",
            "figures": "what it rests on: evidence by signal (power of ten), counts of this version and of the other",
        },
    ),
    Kind.BAKED: Meaning(
        "A new version's bake time in Production is over.",
        "follower",
        "the one in Production",
        {
            "verdict": "`fine` or `not enough data`",
            "reason": "what was seen, as one sentence",
            "figures": "as in `rolled-back`",
        },
    ),
    Kind.DRIFT: Meaning(
        "A drift job has come to a verdict.",
        "`cuelight drift`",
        "the judged one",
        {
            "verdict": "`ok`, `watch`, `drift`, `degraded`, `bad data` or `not enough data`",
            "reason": "what was found, as one sentence",
            "rows": "predicted rows in the window",
            "link": "the report in MLflow; empty if MLflow did not take it",
        },
    ),
    Kind.RETRAIN_REQUESTED: Meaning(
        "A verdict, the number of new labels, a schedule, or a person, asks for retraining.",
        "`cuelight drift`, scheduler, `cuelight retrain`",
        "the judged one; none if a schedule or a person asked",
        {
            "reason": "why, as one sentence",
            "request": "number of the request",
            "link": "the report that asked for it; empty if there is none",
            "by": "the system's user, where a person asked",
        },
    ),
    Kind.RETRAINED: Meaning(
        "A retrain request has ended, well or not.",
        "`cuelight retrain`",
        "the one that was registered; none if none was",
        {
            "request": "number of the request",
            "because": "the request's reason",
            "outcome": "`staged`, `promoted`, `rejected`, `not enough labels` or `failed`",
            "reason": "the gate's sentence, or what went wrong",
            "version": "the registered version",
            "run_id": "MLflow's id of the training run",
            "run_url": "the training run in MLflow",
            "figures": "what the gate measured, by name",
            "log": "file with all that it printed, where the scheduler started it; empty otherwise",
        },
    ),
    Kind.ERASED: Meaning(
        "Somebody's rows were taken out of the journal. It does not say whose.",
        "`cuelight journal erase`",
        "none",
        {
            "columns": "names of the columns by which they were found",
            "rows": "predicted rows that were taken out",
            "requests": "requests that were taken out",
            "emptied": "requests of which only the bodies were: others' rows were in them, or they can't be read",
            "damaged": "damaged records of which the bytes were",
            "unread": "damaged records that stay: they can't be read, and don't have the value as text",
            "labels": "labels that were taken out",
            "unsearched": "objects of the model in the archive that were not known here, and not searched",
            "by": "the system's user who ordered it",
        },
    ),
    Kind.BATCH: Meaning(
        "A version has scored tables.",
        "`cuelight batch`",
        "the one that scored them",
        {
            "input": "path or URL of the tables, with its patterns",
            "output": "folder of the answers",
            "rows": "rows of the tables",
            "errors": "rows among them that have no answer",
            "scored": "rows that this run scored; the others were scored before it",
            "seconds": "how long it took",
            "engine": "`this process`, or the Dask scheduler",
        },
    ),
    Kind.JOB_FAILED: Meaning(
        "A job that the scheduler started has failed, or was cut off with its scheduler; it is tried again later.",
        "scheduler",
        "none",
        {
            "job": "name of the job",
            "code": "its exit code; null where it was cut off",
            "host": "where it ran",
            "log": "file with all that it printed",
            "tail": "the last lines of it; empty where it was cut off",
        },
    ),
    Kind.JOB_RECOVERED: Meaning(
        "A job that had failed, or was cut off with its scheduler, has run well.",
        "scheduler",
        "none",
        {"job": "name of the job", "failures": "how often in a row it had failed"},
    ),
}
