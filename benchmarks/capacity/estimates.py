"""What rates need, as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from benchmarks.capacity.amounts import in_bytes, rounded
from benchmarks.capacity.arithmetic import Estimate, estimate
from benchmarks.capacity.assumptions import Assumptions
from benchmarks.capacity.figures import Figures
from benchmarks.capacity.parts import PARTS
from benchmarks.ratios import number
from benchmarks.tables import Table

RATES = (1_000, 100_000, 1_000_000)
_FIRST = 3  # parts that are named of each estimate


def at_scale(figures: Figures, given: Assumptions, rates: Sequence[float] = RATES) -> Iterator[Table]:
    """What rates need, what is too small first, and what helps."""
    kinds = dict.fromkeys(each.kind for each in figures.servings)
    found = [estimate(figures, kind, rate, given) for rate in rates for kind in kinds]
    yield Table(
        "What it takes",
        (
            *("requests/s at peak", "model", "hosts", "gateways", "busy cores: scoring", "compacting", "MLflow"),
            *("memory of a host", "journal a day", f"in {given.days:g} days", "network, Gbit/s"),
            *("USD a month", "of that the journal", "the same in an object store"),
        ),
        [_row(each) for each in found],
    )
    yield Table(
        "What is too small first, as it comes: times its limit",
        ("requests/s at peak", "model", "first", "second", "third"),
        [[f"{e.rate:,.0f}", e.kind, *(_load(load.part.name, load.times) for load in e.loads[:_FIRST])] for e in found],
    )
    yield Table(
        "The limits, and what helps",
        ("part", "limit", "what helps"),
        [[each.name, each.limit, each.remedy] for each in PARTS.values()],
    )


def assumed(given: Assumptions) -> Table:
    """What the arithmetic takes for granted, and by which option it is changed."""
    rows = [
        [f"`--{each.name.replace('_', '-')}`", f"{getattr(given, each.name):g}", *each.metadata.values()]
        for each in fields(given)
    ]
    return Table("Assumed", ("option", "value", "unit", "is"), rows)


def _row(found: Estimate) -> list[str]:
    cores = [number(each) for each in (found.workers, found.compaction, found.registry)]
    sizes = [
        f"{found.memory_gib:.1f} GiB",
        in_bytes(found.day_bytes),
        in_bytes(found.kept_bytes),
        number(found.gbit),
    ]
    costs = [rounded(each) for each in (found.cost, found.journal_cost, found.object_cost)]
    return [f"{found.rate:,.0f}", found.kind, f"{found.hosts:,}", f"{found.gateways:,}", *cores, *sizes, *costs]


def _load(name: str, times: float) -> str:
    return f"**{name}: {number(times)}**" if times > 1 else f"{name}: {number(times)}"
