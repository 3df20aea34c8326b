"""What became of an archive's objects, for people and programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cuelight.journal.adoption import Adopted
from cuelight.kit.clock import utc

_SHOWN = 10


def document(found: Adopted) -> dict[str, Any]:
    """As JSON."""
    return {**vars(found), "days": sorted(found.days), "others": dict(found.others)}


def sentences(
    found: Adopted, store: str, oldest: str, again: Iterable[Mapping[str, Any]], dry_run: bool
) -> Iterator[str]:
    """What was done, and then what was not, and why; `oldest` is the first day that is kept.

    `again`: the model, moment and columns of each erasure that did not reach what was in the archive.
    """
    days = f" of {min(found.days)} to {max(found.days)}" if found.days else ""
    did = "It would adopt" if dry_run else "Adopted"
    yield f"{did} {found.files:,} files{days} from {store}, {found.bytes:,} bytes; {found.known:,} were known here."
    if found.others:
        yield (
            f"{sum(found.others.values()):,} files are of other hosts: {_some(sorted(found.others))}. If they were of "
            "this journal, and not of one that is in use elsewhere, name them by --host."
        )
    if found.expired:
        yield (
            f"{found.expired:,} files are of days before {oldest}, or are being deleted: the compactor would delete "
            "them in the archive, too. To have them, raise journal.retention_days first."
        )
    if found.differing:
        yield (
            f"{len(found.differing):,} objects are of files that have other content here, as before or after an "
            f"erasure: {_some(found.differing)}. Erase anew whoever was taken out since, and delete these there."
        )
    if found.doubled:
        yield (
            f"{len(found.doubled):,} objects hold records that are here in other files, and maybe more: "
            f"{_some(found.doubled)}. To have them instead, put the journal's files of those folders aside, and adopt "
            "again."
        )
    for key in list(found.refused)[:_SHOWN]:
        yield f"Passed by: {key}: {found.refused[key].rstrip('.')}."
    if len(found.refused) > _SHOWN:
        yield f"And {len(found.refused) - _SHOWN:,} more (--json)."
    for each in again:
        yield (
            f"Somebody was erased from {each['model']} on {utc(each['at'])} (UTC), and not from what is in the archive "
            f"since: erase again, by {', '.join(each['columns'])}."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more (--json)" if len(names) > _SHOWN else "")
