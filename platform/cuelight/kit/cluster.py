"""The Dask cluster of the setting `dask.scheduler`. Dask is imported only where that is set."""

from __future__ import annotations

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
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # Dask's TimeoutError is an OSError
        raise Unavailable(f"No Dask scheduler answers at {address} (`dask.scheduler`).") from error
    if not client.scheduler_info()["workers"]:
        client.close()
        raise Unavailable(f"The Dask scheduler at {address} has no workers: start some by `dask worker {address}`.")
    return client


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
