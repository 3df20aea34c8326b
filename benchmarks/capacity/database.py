"""What a heartbeat takes in the operations database, by the number of hosts in its table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import sqlalchemy as sa

from benchmarks.answered import seconds
from benchmarks.capacity.figures import Beat
from cuelight.operations.database import Operations
from cuelight.operations.engine import Database
from cuelight.operations.host import Host, Record, Role, Version
from cuelight.operations.schema import hosts

FIRST, MODELS = "host-0", 10
_MOST, _LEAST_SECONDS = 30, 1.0
_SILENT = 15.0


def beats(url: str, database: str, used: Callable[[], float], numbers: Sequence[int]) -> Iterator[Beat]:
    """One host's heartbeat among so many; the others are rows in the table. `used`: by the database's server, s."""
    with closing(Operations(url)) as operations:
        _beat(operations)
        there = 1
        for count in numbers:
            _multiply(url, there, count)
            there = count
            began, server = time.process_time(), used()
            taken = _each(lambda: _beat(operations))
            spent, server = time.process_time() - began, used() - server
            look = _each(operations.hosts)
            yield Beat(
                database=database,
                hosts=count,
                models=MODELS,
                beat_ms=1000 * statistics.median(taken),
                beat_cpu_ms=1000 * spent / len(taken),
                server_cpu_ms=1000 * server / len(taken),
                look_ms=1000 * statistics.median(look),
            )


def _multiply(url: str, there: int, count: int) -> None:
    """As many hosts in all: the first one's row under other names."""
    with closing(Database(url)) as database, database.writing() as connection:
        first = connection.execute(sa.select(hosts).where(hosts.c.name == FIRST)).mappings().one()
        rows = [{**first, **_own(number, first["roles"])} for number in range(there, count)]
        connection.execute(sa.insert(hosts), rows)


def _own(number: int, roles: str) -> dict[str, str]:
    """What no other host says: its name, and since when it serves."""
    name, plain = f"host-{number}", '"since":0.0'
    assert plain in roles
    return {"name": name, "folder": name, "roles": roles.replace(plain, f'"since":{number}.5')}


def _beat(operations: Operations) -> None:
    version = Version(3, 1_700_000_000_000)
    roles = [
        Role(f"model-{each}", "Production", version, "serving", "In Production.", version) for each in range(MODELS)
    ]
    record = Record(name=FIRST, folder=FIRST, address="10.0.0.1", port=8000, cores=8, roles=tuple(roles))
    operations.beat(record, _as_it_is, _SILENT, candidate=True)


def _as_it_is(record: Record, _others: Sequence[Host]) -> Record:
    return record


def _each(do: Callable[[], object]) -> list[float]:
    do()
    taken: list[float] = []
    until = time.monotonic() + _LEAST_SECONDS
    while len(taken) < _MOST and (time.monotonic() < until or len(taken) < 3):
        taken.append(seconds(do))
    return taken
