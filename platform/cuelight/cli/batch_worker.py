"""What a process does that scores parts of a batch: it has settings of its own, and believes nobody about a version."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from cuelight.cli import compose
from cuelight.kit.errors import CuelightError, Refused

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings
    from cuelight.serving.batches.engine import Score
    from cuelight.serving.batches.plan import Order, Part
    from cuelight.serving.batches.results import Done
    from cuelight.serving.batches.supply import Supply
    from cuelight.serving.versions.loader import LoadedVersion

_LOCK = threading.Lock()  # a version is loaded once in a process, and asked by one thread at a time
_SOFTWARE = ("cuelight", "numpy", "pyarrow", "scikit-learn")
_LOADED: dict[str, LoadedVersion] = {}  # by digest, the last one


def supply(settings: Settings) -> Supply:
    """The registry's versions, by way of the model store that settings name."""
    from cuelight.serving.batches.supply import Supply

    return Supply(compose.registry(settings), settings)


def scorer(version: LoadedVersion, order: Order) -> Score:
    """What scores a part in this process."""
    from cuelight.serving.batches.scorer import Scorer

    return Scorer(version, order).score


@cache
def software() -> Mapping[str, str]:
    """What answers and their files depend on beside the version's own requirements, and which of it is here."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"Python": python} | {name: metadata.version(name) for name in _SOFTWARE}


def score(order: Order, wanted: Mapping[str, str], part: Part) -> Done:
    """Score one part in a worker, by the version that the order names, once this worker has checked it itself.

    `wanted` is the `software` of whoever gave the order.

    Raises:
        Refused: serving would not have it here, or it has other files than it had for whoever gave the order; or this
            worker has other software.
    """
    _check(wanted)
    with _LOCK:
        version = _LOADED.get(order.digest)
        if version is None:
            version = _load(order)
            _LOADED.clear()
            _LOADED[order.digest] = version
        return scorer(version, order)(part)


def _check(wanted: Mapping[str, str]) -> None:
    here = software()
    other = [f"{name} {here.get(name, '')}, not {each}" for name, each in wanted.items() if here.get(name) != each]
    if other:
        raise Refused(
            f"The Dask worker on {socket.gethostname()} has {'; '.join(other)}, where the batch was begun: install "
            "the same on all machines."
        )


def _load(order: Order) -> LoadedVersion:
    from cuelight.serving.batches.supply import Asked

    own = supply(compose.settings())
    try:
        version = own.load(own.find(Asked(order.model, version=order.version)))
    except CuelightError as error:
        raise type(error)(f"The Dask worker on {socket.gethostname()} can't score: {error}") from error
    if version.digest != order.digest:
        raise Refused(
            f"{order.model} version {order.version} has other files on {socket.gethostname()} than where the batch was "
            "begun."
        )
    return version
