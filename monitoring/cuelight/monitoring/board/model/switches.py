"""Who was put on a model's tracks, as all its hosts tell of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind


def switches(events: Iterable[Event]) -> Iterator[Event]:
    """Each switch once, in the order of time, as the host tells of it that was first.

    The others may come to it much later: in a wave, or when they start. Who tells of a version again means another
    switch to it.
    """
    present: dict[object, tuple[int | None, set[str]]] = {}
    for event in sorted(events, key=lambda each: each.at):
        if event.kind != Kind.SWITCHED:
            continue
        track = event.detail.get("track")
        version, told = present.get(track, (None, set()))
        if not told or version != event.version or event.writer in told:
            present[track] = event.version, {event.writer}
            yield event
        else:
            told.add(event.writer)
