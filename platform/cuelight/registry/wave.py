"""How many hosts at a time take a model's new Production version, as people set it by a tag in MLflow. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cuelight.registry.flags import flag
from cuelight.registry.model import Snapshot
from cuelight.registry.tags import WAVE

_MOST = 1000


@dataclass(frozen=True)
class Waves:
    """Hosts at a time, by model; those that are not here change on all hosts at once."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def waves(snapshot: Snapshot) -> Waves:
    """What the tags say; where one says nothing that makes sense, one host at a time is the careful reading of it."""
    sizes, notes = {}, []
    for name, model in sorted(snapshot.models.items()):
        text = model.tags.get(WAVE, "").strip()
        size = hosts(text)
        if size is None:
            notes.append(f"{name}: tag {WAVE} = {text[:40]!r} is neither true, false nor a number of hosts; it is 1.")
        if size != 0:
            sizes[name] = size or 1
    return Waves(sizes, tuple(notes))


def hosts(text: str) -> int | None:
    """Hosts at a time, 0: all at once; None where the text is neither yes, no nor a number.

    >>> hosts("true"), hosts("3"), hosts(""), hosts("many")
    (1, 3, 0, None)
    """
    if text.isdecimal():
        return min(int(text), _MOST)
    return int(said) if (said := flag(text) if text else False) is not None else None
