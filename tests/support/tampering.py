"""SQL on an operations database behind Cuelight's back, whichever database it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cuelight.operations import postgres


@contextmanager
def opened(url: str) -> Iterator[sa.Connection]:
    """A transaction on its tables."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url)
    else:
        engine = sa.create_engine(postgres.address(url), connect_args={"options": f"-c search_path={postgres.SCHEMA}"})
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def execute(url: str, *statements: str) -> None:
    """Statements in one transaction."""
    with opened(url) as connection:
        for each in statements:
            connection.exec_driver_sql(each)
