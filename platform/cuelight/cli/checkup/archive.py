"""Whether the journal's archive answers and has what is known of it here, and how much waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cuelight.cli.checkup.finding import Finding, bytes_of, fault, note, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.cli.stack import fleet
from cuelight.kit.errors import CuelightError

_MEND = "Mend the way to it, journal.archive, or the keys in the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …)."


def findings(scene: Scene) -> Iterator[Finding]:
    """It is asked for its list; nothing is written."""
    from cuelight.journal import archive, stubs

    settings = scene.settings
    before = stubs.stores(settings.journal_folder)
    if not settings.journal_archive and not before:
        yield ok("All days of the journal are in the home folder.")
        return
    if settings.journal_archive:
        yield from _state(scene, settings.journal_archive)
    for store, known in before.items():
        if not stubs.is_same(store, settings.journal_archive):
            yield from _state(scene, store)
            yield note(
                f"{len(known):,} files of the journal are in {store}, which is not journal.archive now: keep it."
            )
    waiting = archive.waiting(settings.journal_folder, time.time())
    if waiting.files and settings.journal_archive:
        yield warning(
            f"{waiting.files} files of the journal's ended days, {bytes_of(waiting.bytes)}, are not archived yet.",
            "Run `cuelight up`, whose compactor does it as soon as the archive answers.",
        )


def _state(scene: Scene, store: str) -> Iterator[Finding]:
    """Of one archive, that of the settings or one of before."""
    from cuelight.journal import adoption, layout, stubs

    settings = scene.settings
    try:
        found = adoption.survey(settings.journal_folder, store)
    except CuelightError as error:
        yield fault(str(error), _MEND)
        return
    yield ok(f"The journal's archive {store} answers.")
    if found.missing:
        yield fault(
            f"{len(found.missing):,} files of the journal are not in its archive any more, such as {found.missing[0]}.",
            f"Put them back, or delete these files' {layout.STUB} files: until then what asks for their days fails.",
        )
    own = fleet.hosts(settings) | layout.hosts(settings.journal_folder)
    unknown = [each for each in found.unknown if each.host in own]
    if unknown and stubs.is_same(store, settings.journal_archive):
        yield warning(
            f"{len(unknown):,} objects of the journal's archive are not known here, such as {unknown[0].stub.key}.",
            "Run `cuelight journal adopt`; but where another journal is archived there, too, give each a prefix of "
            "its own.",
        )
