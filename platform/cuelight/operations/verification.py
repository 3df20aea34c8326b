"""Whether the history is what was written: its chains held against each other's hashes and signed heads. Pure.

Found are rows that were changed, taken out or put in; chains that were cut short or written anew, which no longer
fit what was signed; signatures by keys that are not trusted; rows for which signatures should be there and are not.
Not found is a chain cut short by whoever also deletes the signatures over what is cut: only a head that is kept
elsewhere shows that. Whoever has the signing key can write any history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cuelight.kit.clock import utc
from cuelight.kit.errors import Refused
from cuelight.kit.signing import TrustedKeys
from cuelight.operations.heads import Head, SignedHead

# Writers sign once a minute while they write: longer without a signature is more than clocks that differ.
_UNSIGNED_SECONDS = 600.0


@dataclass(frozen=True)
class Link:
    """A row of a chain, `at` in seconds since the epoch; `sound` if its hash is that of its content."""

    writer: str
    sequence: int
    at: float
    previous: str
    hash: str
    sound: bool


@dataclass
class _Chain:
    """The heads of one writer whose signatures hold, by row, and what was seen of its rows so far."""

    signed: dict[int, list[Head]] = field(default_factory=dict)
    newest: Head | None = None
    sequence: int = 0
    hash: str = ""
    borne: int = 0
    altered: Head | None = None
    unsigned: int = 0
    unsigned_until: float = float("-inf")


def faults(
    links: Iterable[Link],
    ends: Mapping[str, tuple[int, str]],
    signed: Sequence[SignedHead] = (),
    keys: TrustedKeys | None = None,
) -> list[str]:
    """What is wrong, one sentence each.

    Args:
        links: all rows, each writer's together and in their order.
        ends: row and hash that each writer's chain is said to end in.
        signed: signed heads, those of this database and those kept elsewhere.
        keys: whose signatures count; without any, signatures are left out.
    """
    chains: dict[str, _Chain] = {}
    found = list(_sort_in(signed, keys, chains)) if keys is not None else []
    for link in links:
        found += _step(chains.setdefault(link.writer, _Chain()), link)
    for writer in sorted({*chains, *ends}):
        chain = chains.get(writer, _Chain())
        found += _end(writer, chain, ends.get(writer))
        found += _signatures(writer, chain) if keys is not None else ()
    return found


def _sort_in(signed: Sequence[SignedHead], keys: TrustedKeys, chains: dict[str, _Chain]) -> Iterator[str]:
    """Give each chain the heads whose signatures hold; what is wrong with the others, once for each reason."""
    told: dict[tuple[str, str], list[int]] = {}
    for each in sorted(signed):
        head = each.head
        try:
            keys.verify(head, each.signature)
        except Refused as error:
            told.setdefault((head.writer, str(error)), []).append(head.sequence)
            continue
        chain = chains.setdefault(head.writer, _Chain())
        chain.signed.setdefault(head.sequence, []).append(head)
        chain.newest = head
    for (writer, reason), rows in told.items():
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        yield f"{writer}: the signed head of row {rows[0]}{more} does not count. {reason}"


def _step(chain: _Chain, link: Link) -> Iterator[str]:
    if link.sequence != chain.sequence + 1:
        yield f"{link.writer}: rows {chain.sequence + 1} to {link.sequence - 1} are missing."
    elif link.previous != chain.hash:
        yield f"{link.writer}: row {link.sequence} does not follow the row before it."
    if not link.sound:
        yield f"{link.writer}: row {link.sequence} was changed after it was written."
    chain.sequence, chain.hash = link.sequence, link.hash
    for head in chain.signed.get(link.sequence, ()):
        if head.hash != link.hash:
            chain.altered = chain.altered or head
        elif chain.altered is None:
            chain.borne = link.sequence
    if chain.newest is None or link.sequence > chain.newest.sequence:
        chain.unsigned += 1
        chain.unsigned_until = max(chain.unsigned_until, link.at)


def _end(writer: str, chain: _Chain, end: tuple[int, str] | None) -> Iterator[str]:
    if end is None:
        if chain.sequence:
            yield f"{writer}: the chain's head is missing."
    elif (chain.sequence, chain.hash) != end:
        yield f"{writer}: the chain does not end in its row {end[0]}."


def _signatures(writer: str, chain: _Chain) -> Iterator[str]:
    newest = chain.newest
    if newest is None:
        yield f"{writer}: none of its {chain.unsigned} rows is covered by a signature."
        return
    if newest.sequence > chain.sequence:
        what = f"row {newest.sequence} was signed on {utc(newest.at)} UTC"
        yield f"{writer}: the chain ends in row {chain.sequence}, but {what}: its end was cut off."
    if chain.altered is not None:
        what = f"row {chain.altered.sequence} is not the one that was signed on {utc(chain.altered.at)} UTC"
        yield f"{writer}: rows from {chain.borne + 1} on were written anew: {what}."
    if chain.unsigned_until > newest.at + _UNSIGNED_SECONDS:
        since = f"the last signature is of {utc(newest.at)} UTC, the last row of {utc(chain.unsigned_until)}"
        yield f"{writer}: its last {chain.unsigned} rows are not signed: {since}. Signatures were removed, or not made."
