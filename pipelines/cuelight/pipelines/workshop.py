"""What training works with: the registry, the place for runs, keys and a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cuelight.kit.clock import Clock, SystemClock
from cuelight.pipelines.progress import Progress, Silent
from cuelight.registry.port import Registry
from cuelight.registry.tracks import TrackMemory

if TYPE_CHECKING:
    from cuelight.registry.model import Track
    from cuelight.registry.tracking import Tracking


@dataclass(frozen=True)
class Workshop:
    """The parts that every training shares.

    `aliases` maps aliases to the tracks that they mean; `tracks` is the follower's memory of who arrived when;
    `scheduler` is the address of a Dask cluster that estimators are fitted by, where they work in parallel.
    """

    registry: Registry
    tracking: Tracking
    keys_folder: Path
    aliases: Mapping[str, Track]
    tracks: TrackMemory = field(default_factory=TrackMemory)
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Silent)
    scheduler: str = ""
