"""`cuelight follow`: the follower of this host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import compose
from cuelight.kit.log import Log, adopt_libraries
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings

if TYPE_CHECKING:
    from cuelight.operations.database import Operations


@click.command()
def command() -> None:
    """Follow the registry: fetch, try, prepare and commit what is put into Production and Staging.

    Example: cuelight follow
    """
    from cuelight.registry.tracks import alias_map
    from cuelight.serving.following.authors import attributed
    from cuelight.serving.following.follower import Follower
    from cuelight.serving.following.herald import Herald
    from cuelight.serving.following.preparation import Preparation
    from cuelight.serving.following.presence import Presence, check
    from cuelight.serving.following.recent import recent_requests
    from cuelight.serving.following.reporter import Reporter
    from cuelight.serving.host.company import Company
    from cuelight.serving.host.places import Places
    from cuelight.serving.versions.store import ModelStore

    settings = compose.replica_settings()
    check(settings)
    adopt_libraries()
    registry = compose.registry(settings)
    store = ModelStore(Places(settings.serving_folder).store)
    preparation = Preparation(registry, store, settings, lambda model: recent_requests(settings.journal_folder, model))
    recorder, herald = _Recorder(settings), Herald(compose.feed(settings))
    record = attributed(recorder, herald.find, alias_map(settings.track_production, settings.track_staging))
    company = Company(settings)
    presence = Presence(settings, company, lambda: compose.operations(settings))
    own = compose.registry(settings)
    aliases, seal = settings.track_production, recorder.seal
    reporter = Reporter(own, record, seal=seal, aliases=aliases, leads=presence.leads, led=presence.led)
    follower = Follower(registry, settings, preparation, reporter, company=company, presence=presence)
    loop = Loop(partial(presence.attend, follower.tick), follower.pause, Log("serving.follower"), jitter=0.0)
    loop.stop_on_signals()
    follower.start()
    herald.start(follower.hurry)
    try:
        loop.run()
    finally:
        herald.stop()
        follower.stop()
        recorder.close()


class _Recorder:
    """Opens the operations database when the first line is written: the follower starts without it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._operations: Operations | None = None

    def __call__(self, kind: str, model: str, version: int | None, detail: Mapping[str, Any], at: float) -> None:
        if self._operations is None:
            self._operations = compose.operations(self._settings)
        self._operations.record(kind, model, version, detail, at=at)

    def seal(self) -> None:
        """Sign what was written, now and then."""
        if self._operations is not None:
            self._operations.seal()

    def close(self) -> None:
        """Sign what was written."""
        if self._operations is not None:
            self._operations.close()
