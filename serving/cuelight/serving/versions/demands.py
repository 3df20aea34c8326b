"""What a trial demands of a version: it answers all that it is tried on, and as its signature says."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput, Refused
from cuelight.protocol.decode import ScoringRequest
from cuelight.protocol.encode import plain
from cuelight.protocol.signature import Signature
from cuelight.serving.versions.loader import LoadedVersion
from cuelight.serving.versions.samples import Sample, fitting, its_own

_NUMERIC = ("double", "float", "long", "integer")


@dataclass(frozen=True)
class Passed:
    """A version answered `tried` requests soundly; `note` says what else was seen."""

    tried: int
    note: str = ""


def check(version: LoadedVersion, files: Path, recent: Sequence[Sample]) -> Passed:
    """Predict the input example and recent requests, and hold the answers against the signature.

    Raises:
        Refused: an answer is missing, not finite, or not of the signature's kind.
    """
    examples = list(its_own(files, version.signature))
    for what, request in examples:
        try:
            _check(version, request, what)
        except BadInput as error:
            raise Refused(f"It does not take {what}: {error}") from error
    fit = 0
    for what, request in fitting(recent, version.signature):
        with contextlib.suppress(BadInput):  # it has no such `predict_method`: the caller asked another version
            _check(version, request, what)
            fit += 1
    unfit = len(recent) - fit
    note = f"{unfit} of {len(recent)} recent requests do not fit it" if unfit else ""
    return Passed(len(examples) + fit, note)


def _check(version: LoadedVersion, request: ScoringRequest, what: str) -> None:
    values = _predict(version, request, what)
    # The signature tells of what is answered where no other method is asked for.
    signature = replace(version.signature, outputs=()) if request.parameters else version.signature
    check_answer(values, signature, request.rows.count, what)


def check_answer(values: Any, signature: Signature, count: int, what: str) -> None:
    """Hold one answer against the rows asked for and the signature's outputs.

    Raises:
        Refused: it does not fit; the reason says how.
    """
    listed = plain(values)
    if not isinstance(listed, list | dict):
        raise Refused(f"It answered {what} with a {type(values).__name__}, not with one prediction a row.")
    columns = [plain(each) for each in listed.values()] if isinstance(listed, dict) else [listed]
    if any(not isinstance(each, list) or len(each) != count for each in columns):
        raise Refused(f"It answered {count} rows of {what} with another number of predictions.")
    bad = sum(1 for each in columns for row in each if not _finite(row))
    if bad:
        raise Refused(f"It predicted NaN, infinity or nothing for {bad} of {count} rows of {what}.")
    _check_kind(listed, signature, what)


def _check_kind(listed: Any, signature: Signature, what: str) -> None:
    if len(signature.outputs) != 1 or not isinstance(listed, list):
        return
    output = signature.outputs[0]
    numeric = output.get("type") in _NUMERIC or (
        output.get("type") == "tensor" and np.dtype(output["tensor-spec"]["dtype"]).kind in "fiu"
    )
    strings = output.get("type") == "string"
    first = np.asarray(list(listed[0].values()) if isinstance(listed[0], dict) else listed[0])
    if (numeric and first.dtype.kind not in "fiub") or (strings and first.dtype.kind not in "US"):
        raise Refused(f"Its answer to {what} is not of the kind its signature states.")


def _finite(row: Any) -> bool:
    if isinstance(row, dict):
        return all(_finite(each) for each in row.values())
    if isinstance(row, list):
        return all(_finite(each) for each in row)
    return row is not None and (not isinstance(row, float) or bool(np.isfinite(row)))


def _predict(version: LoadedVersion, request: ScoringRequest, what: str) -> Any:
    try:
        return version.predict(request.rows, request.parameters).values
    except (MemoryError, BadInput):
        raise
    except Exception as error:  # a model may raise anything
        raise Refused(f"It raised {type(error).__name__} on {what}.") from error
