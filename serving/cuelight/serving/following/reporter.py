"""Tells people what came of their wishes: tags on versions in MLflow, and lines in the history.

Level-triggered: what the tags should say is held against what the last reading shows, and the difference is
written, by a thread that may fall behind or fail without holding anything up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cuelight.kit.errors import CuelightError, RegistryUnavailable
from cuelight.kit.log import Log
from cuelight.registry import tags
from cuelight.registry.model import Snapshot, VersionId
from cuelight.registry.port import Registry
from cuelight.registry.rollback import put_back
from cuelight.registry.traffic import NOTHING
from cuelight.serving.following.statuses import READY, ROLLED_BACK, Status
from cuelight.serving.host.changes import moves
from cuelight.serving.rollouts.recall import Recall

Recorder = Callable[[str, str, int | None, Mapping[str, Any], float], None]
"""Writes one line of history: kind, model, version, detail, moment."""

_PARTING_SECONDS = 5.0


@dataclass
class _Inbox:
    snapshot: Snapshot = field(default_factory=Snapshot)
    wanted: Mapping[VersionId, Status] = field(default_factory=dict)
    spent: tuple[tuple[str, str], ...] = ()
    recalls: tuple[Recall, ...] = ()
    reading: int = 0


class Reporter:
    """Writes tags and history from a thread of its own; `seal` is called when the lines that waited are written."""

    def __init__(
        self,
        registry: Registry,
        record: Recorder,
        most_waiting: int = 10_000,
        seal: Callable[[], None] = lambda: None,
        aliases: str = "",
        leads: Callable[[], bool] = lambda: True,
        led: Callable[[], bool] = lambda: False,
    ) -> None:
        """`aliases`: those that mean Production, with commas between them.

        `leads`: this host speaks for all; `led`: another one does.
        """
        self._leads, self._led = leads, led
        self._told = Snapshot()  # up to it somebody has told what people moved
        self._registry = registry
        self._aliases = aliases
        self._record = record
        self._seal = seal
        self._log = Log("serving.reporter")
        self._inbox = _Inbox()
        self._written: dict[VersionId, tuple[Status, int]] = {}
        self._reset: dict[tuple[str, str], int] = {}
        self._moved: dict[VersionId, int] = {}
        self._troubles: dict[tuple[str, VersionId | None], str] = {}
        self._readings = 0
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._history: deque[tuple[str, str, int | None, Mapping[str, Any], float]] = deque(maxlen=most_waiting)
        self._wake = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, once, and end; for at most some seconds."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_PARTING_SECONDS)

    def tell(
        self,
        snapshot: Snapshot,
        wanted: Mapping[VersionId, Status],
        spent: tuple[tuple[str, str], ...] = (),
        recalls: tuple[Recall, ...] = (),
    ) -> None:
        """What the tags should say from now on.

        `spent` are models with their tags that should say nothing, `recalls` for which the registry is to be moved.
        """
        if snapshot is not self._inbox.snapshot:
            leads = self._leads()
            for line in moves(self._told, snapshot) if leads else ():
                self.record(line.kind, line.model, line.version, **line.detail)
            if leads or self._led() or not self._readings:
                self._told = snapshot
            self._readings += 1
        self._inbox = _Inbox(snapshot, wanted, spent, recalls, self._readings)
        self._wake.set()

    def record(self, kind: str, model: str, version: int | None, **detail: Any) -> None:
        """One line for the history."""
        self._history.append((kind, model, version, detail, time.time()))
        self._wake.set()

    def flush(self) -> None:
        """Write what waits; what can't be written now waits on, and neither waits for the other."""
        self._write_history()
        self._move_back()
        self._write_tags()

    def _write_history(self) -> None:
        try:
            while self._history:
                self._record(*self._history[0])
                self._history.popleft()
            self._seal()
        except Exception as error:  # noqa: BLE001  the database's driver decides what it raises
            self._complain("history-unavailable", str(error))
        else:
            self._troubles.pop(("history-unavailable", None), None)

    def _move_back(self) -> None:
        """Put what answers instead of a recalled version into Production there, unless somebody moved something."""
        inbox = self._inbox
        for recall in inbox.recalls:
            if recall.instead is None or inbox.reading < self._moved.get(recall.version, -2) + 2:
                continue
            name, to = recall.version.name, recall.instead.id.version
            try:
                if _places(self._registry.snapshot(), name) == _places(inbox.snapshot, name):
                    put_back(self._registry, name, to, self._aliases)
                    self._moved[recall.version] = inbox.reading
            except RegistryUnavailable:
                raise
            except CuelightError as error:  # that version was deleted
                self._complain("not-moved-back", f"{recall.version} to {to}: {error}", recall.version)

    def _write_tags(self) -> None:
        inbox, leads = self._inbox, self._leads()
        for version, status in inbox.wanted.items():
            if not leads and status.state != ROLLED_BACK:
                continue
            model = inbox.snapshot.models.get(version.name)
            known = model.versions.get(version.version) if model else None
            if known is None or known.id != version or self._is_settled(version, status, inbox.reading):
                continue
            if known.tags.get(tags.STATE) == ROLLED_BACK and (status.state == READY or not leads):
                continue  # so says another host, which had it on trial, or took it back by what it had heard itself
            if (known.tags.get(tags.STATE), known.tags.get(tags.REASON, "")) != (status.state, status.reason):
                self._write(version, status)
                self._written[version] = (status, inbox.reading)
        for name, tag in inbox.spent:
            if inbox.reading >= self._reset.get((name, tag), -2) + 2:  # the reading under way may still show it
                self._clear(name, tag)
                self._reset[name, tag] = inbox.reading

    def _is_settled(self, version: VersionId, status: Status, reading: int) -> bool:
        """Whether it was just written: the reading that is under way then may still show the old tags."""
        written, at = self._written.get(version, (None, 0))
        return written == status and reading < at + 2

    def _write(self, version: VersionId, status: Status) -> None:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        content = {tags.STATE: status.state, tags.REASON: status.reason, tags.SINCE: since}
        try:
            self._registry.set_version_tags(version.name, version.version, content)
        except RegistryUnavailable:
            raise
        except CuelightError as error:  # this version's alone, as when it was just deleted: the others go on
            self._complain("tags-not-written", str(error), version)
        else:
            self._troubles.pop(("tags-not-written", version), None)
            self._troubles.pop(("tags-not-written", None), None)

    def _clear(self, name: str, tag: str) -> None:
        try:
            self._registry.set_model_tags(name, {tag: NOTHING[tag]})
        except RegistryUnavailable:
            raise
        except CuelightError as error:  # it was just deleted
            self._complain("tag-not-reset", f"{name}: {error}")

    def _complain(self, action: str, message: str, version: VersionId | None = None) -> None:
        """Warn, once while it lasts: what can't be written is tried again every few seconds."""
        if self._troubles.get((action, version)) != message:
            self._troubles[action, version] = message
            self._log.warning(action, f"{version}: {message}" if version else message)

    def _run(self) -> None:
        ending = False
        while not ending:
            self._wake.wait(5.0)
            self._wake.clear()
            ending = self._stopped.is_set()
            try:
                self.flush()
            except CuelightError as error:
                self._complain("tags-not-written", str(error))
            except Exception as error:  # noqa: BLE001  this thread must outlive whatever one write meets
                self._log.exception("report-failed", error)


def _places(snapshot: Snapshot, name: str) -> object:
    """Where each of a model's versions is, by stage and alias."""
    model = snapshot.models.get(name)
    return model and (model.aliases, {number: each.stage for number, each in model.versions.items()})
