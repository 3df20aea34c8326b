"""How commands end: one table, which the reference shows."""

from __future__ import annotations

import os
from typing import NamedTuple

from cuelight.operations.verdict import Verdict

WELL = 0
FAILED = 1
USAGE = 2
GATE_FAILED = 2
FAULTY = 10
RETRAINING_FAILED = 10
DRIFT, DEGRADED, BAD_DATA, TOO_LITTLE = 10, 11, 12, 13
BUSY = os.EX_TEMPFAIL
TOLD_TO_STOP = 128  # and the signal's number, as shells have it

OF_VERDICT = {
    Verdict.OK.value: WELL,
    Verdict.WATCH.value: WELL,
    Verdict.DRIFT.value: DRIFT,
    Verdict.DEGRADED.value: DEGRADED,
    Verdict.BAD_DATA.value: BAD_DATA,
    Verdict.NOT_ENOUGH_DATA.value: TOO_LITTLE,
}


class Meaning(NamedTuple):
    """What a code says of some commands."""

    code: str
    commands: str
    text: str


MEANINGS = (
    Meaning(f"{WELL}", "all", "Done, and well."),
    Meaning(f"{FAILED}", "all", "An error: one line on standard error says what to do."),
    Meaning(f"{FAILED}", "`history --verify`", "The history was changed, or cut short."),
    Meaning(f"{FAILED}", "`alerts send`, `alerts test`", "A receiver did not take an alert."),
    Meaning(f"{USAGE}", "all", "A wrong command line."),
    Meaning(f"{GATE_FAILED}", "`train`", "A gate failed: the version is registered, and in no stage."),
    Meaning(f"{FAULTY}", "`doctor`", "It found a fault."),
    Meaning(f"{FAULTY}", "`restore`", "Restored, but artifacts are missing from their object store, or it is away."),
    Meaning(f"{FAULTY}", "`journal adopt`", "Adopted, but objects were passed by that somebody should look at."),
    Meaning(f"{RETRAINING_FAILED}", "`retrain`", "With `--now` or `--next`: the retraining failed."),
    Meaning(f"{DRIFT}", "`drift`", "Verdict `drift`; `ok` and `watch` are 0."),
    Meaning(f"{DEGRADED}", "`drift`", "Verdict `degraded`: the quality fell."),
    Meaning(f"{BAD_DATA}", "`drift`", "Verdict `bad data`."),
    Meaning(f"{TOO_LITTLE}", "`drift`, `quality`", "Verdict `not enough data`; of `quality`: too few labelled rows."),
    Meaning(f"{BUSY}", "all", "Another process is at the same work: nothing has failed (`EX_TEMPFAIL`)."),
    Meaning(f"{TOLD_TO_STOP} + n", "all", "Ended by signal n, such as 143 by SIGTERM; what it held was given back."),
)
