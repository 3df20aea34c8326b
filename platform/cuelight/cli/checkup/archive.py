"""Whether the journal's archive answers, and how much waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cuelight.cli.checkup.finding import Finding, bytes_of, fault, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.errors import CuelightError

_MEND = "Mend the way to it, journal.archive, or the keys in the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …)."


def findings(scene: Scene) -> Iterator[Finding]:
    """It is asked whether it is there; nothing is written."""
    settings = scene.settings
    if not settings.journal_archive:
        yield ok("All days of the journal are in the home folder.")
        return
    from cuelight.journal import archive, stubs

    try:
        stubs.check(settings.journal_archive)
        yield ok(f"The journal's archive {settings.journal_archive} answers.")
    except CuelightError as error:
        yield fault(str(error), _MEND)
    waiting = archive.waiting(settings.journal_folder, time.time())
    if waiting.files:
        yield warning(
            f"{waiting.files} files of the journal's ended days, {bytes_of(waiting.bytes)}, are not archived yet.",
            "Run `cuelight up`, whose compactor does it as soon as the archive answers.",
        )
