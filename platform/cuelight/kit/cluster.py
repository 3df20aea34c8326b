"""The Dask cluster of the setting `dask.scheduler`. Dask is imported only where that is set."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from cuelight.kit.errors import Misconfigured, Unavailable

_CONNECT_SECONDS = 10.0


def connect(address: str) -> Any:
    """A client of the scheduler at `address`, to be closed by whoever asked for it.

    Raises:
        Misconfigured: Dask is not installed.
        Unavailable: the scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise Misconfigured("`dask.scheduler` is set, and Dask is not installed: cuelight[dask] has it.") from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is told by whoever asks, in a sentence
    try:
        there = asyncio.run(asyncio.wait_for(_identity(address), _CONNECT_SECONDS))
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False) if there.get("workers") else None
    except Exception as error:  # whatever speaks there, or is meant by such an address
        said = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise Unavailable(f"No Dask scheduler answers at {address} (`dask.scheduler`): {said}") from error
    if client is None:
        raise Unavailable(f"The Dask scheduler at {address} has no workers: start some by `dask worker {address}`.")
    return client


async def _identity(address: str) -> dict[str, Any]:
    """What the scheduler says of itself: a client would wait for ever where something else listens, or nothing speaks.

    Raises:
        ValueError: it is no scheduler.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(address, connection_args=Security().get_connection_args("client")) as there:
        found: dict[str, Any] = await there.identity()
    if found.get("type") != "Scheduler":
        raise ValueError(f"a {found.get('type')} does")
    return found


@contextmanager
def spread(address: str) -> Iterator[None]:
    """Have the cluster do what is done in parallel by joblib meanwhile; an empty address: this process does.

    Raises:
        Misconfigured, Unavailable: as `connect`.
    """
    if not address:
        yield
        return
    import joblib

    with closing(connect(address)) as client, joblib.parallel_config(backend="dask", client=client):
        yield
