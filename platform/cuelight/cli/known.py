"""Names that there are, as far as files on this machine say: for completion, and to guess what was meant."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings
from cuelight.kit.text import meant


def models(settings: Settings) -> list[str]:
    """Registered models that the follower has seen, and those that the journal has requests to."""
    from cuelight.journal import layout

    journal = layout.models(settings.journal_folder, layout.REQUESTS)
    return sorted({*_versions(settings), *(each for each in journal if each)})


def hint(settings: Settings, model: str) -> str:
    """A question to end a message about a model with, if the name may be mistyped."""
    names = models(settings)
    return "" if model in names else meant(model, names)


def recorded(journal: Path, dataset: str, model: str) -> str:
    """The models that a journal has records of, to end a message about one with of which it has none."""
    from cuelight.journal import layout

    names = [each for each in layout.models(journal, dataset) if each]
    return f"{', '.join(names) or 'none'}.{'' if model in names else meant(model, names)}"


def versions(settings: Settings, model: str) -> list[int]:
    """Versions of a model that the follower has seen, the newest first."""
    return sorted(_versions(settings).get(model, ()), reverse=True)


def replicas(settings: Settings) -> list[str]:
    """The serving replicas."""
    from cuelight.operations import replicas

    with contextlib.suppress(CuelightError):
        return [each.name for each in replicas.read(settings)]
    return []


def pipelines(settings: Settings) -> list[str]:
    """What `cuelight train` can train."""
    from cuelight.pipelines import catalog

    return catalog.names(settings.pipelines)


def _versions(settings: Settings) -> dict[str, list[int]]:
    from cuelight.serving.host.places import Places
    from cuelight.serving.host.repertoire import Reader

    reader = Reader(Places(settings.serving_folder).repertoire)
    reader.look()
    return {name: list(each.versions) for name, each in reader.repertoire.models.items()}
