"""The proof that a version may be predicted in a quicker way: it answers as the version itself does.

On its input example, on rows around those (`probes`), and on recent requests: labels to the bit, numbers within a
tolerance, and an error wherever the version itself raises one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cuelight.protocol.rows import Rows
from cuelight.serving.versions.compiled import Compiled, equal
from cuelight.serving.versions.independence import by_row
from cuelight.serving.versions.loader import LoadedVersion, Output, Shortcuts
from cuelight.serving.versions.probes import around
from cuelight.serving.versions.pyfunc import DIRECT

# A trial must not last longer for it: what has been compared by then is what counts.
_SECONDS = 1.0
_MOST_ROWS = 1000


def prove(
    version: LoadedVersion,
    examples: Sequence[Rows],
    recent: Sequence[Rows],
    again: Callable[[Shortcuts], LoadedVersion],
) -> Shortcuts:
    """The quickest way that holds for `version`, whether its image does, and whether rows may be predicted together.

    Nothing is proved without an example or a request. `again` loads the version with shortcuts.
    """
    seen = [*examples, *recent]
    if not seen:
        return Shortcuts()
    some = _some(seen)
    probes = [rows for rows in around(some, {})[:2] if _answer(version, rows, "")]
    asked = [*seen, *probes]
    if version.model is None:
        direct = Shortcuts(compiled=DIRECT)
        found = direct if _same_again(version, again, direct, asked) else Shortcuts()
    else:
        picture = Shortcuts(image=version.image)
        found = _quickest(version, examples, recent, some)
        if version.image and _same_again(version, again, picture, asked):
            found = replace(found, image=version.image)
    return replace(found, by_row=by_row(version, asked))


def _same_again(
    version: LoadedVersion, again: Callable[[Shortcuts], LoadedVersion], shortcuts: Shortcuts, asked: Sequence[Rows]
) -> bool:
    """Whether it answers the same when it is loaded with these shortcuts."""
    try:
        other = again(shortcuts)
    except Exception:  # noqa: BLE001  a way that fails is no way
        return False
    chosen = other.way == (shortcuts.compiled or version.way) and other.image == shortcuts.image
    return chosen and all(_same(_answer(version, rows, ""), _answer(other, rows, "")) for rows in asked)


def _quickest(version: LoadedVersion, examples: Sequence[Rows], recent: Sequence[Rows], some: Rows) -> Shortcuts:
    until = time.monotonic() + _SECONDS
    for quick in version.candidates():
        requests = [*examples, *around(some, quick.known), *recent]
        both = Shortcuts(labels_from_probabilities=True, compiled=quick.name)
        if not quick.with_shares and _holds(version, both, quick, requests, until):
            return both
        alone = Shortcuts(compiled=quick.name)
        if _holds(version, alone, quick, requests, until):
            return alone
    both = Shortcuts(labels_from_probabilities=True)
    requests = [*examples, *around(some, {}), *recent]
    return both if _holds(version, both, None, requests, until) else Shortcuts()


def _some(seen: Sequence[Rows]) -> Rows:
    """The last rows seen."""
    joined = Rows.joined([each for each in seen if each.columns.keys() == seen[0].columns.keys()])
    columns = {name: values[-_MOST_ROWS:] for name, values in joined.columns.items()}
    return Rows(columns, min(joined.count, _MOST_ROWS), joined.tensors)


def _holds(
    version: LoadedVersion, shortcuts: Shortcuts, quick: Compiled | None, requests: Sequence[Rows], until: float
) -> bool:
    plain, other = version.by(Shortcuts(), None), version.by(shortcuts, quick)
    methods = {version.method, *(quick.methods if quick else ())}
    compared = 0
    for rows in requests:
        for method in sorted(methods):
            right = _answer(plain, rows, method)
            found = _answer(other, rows, method)
            if not _same(right, found) or not _complete(plain, rows, method, found, shortcuts):
                return False
        compared += _fits(quick, rows, version.method)
        if time.monotonic() > until:
            break
    return compared > 0


def _answer(version: LoadedVersion, rows: Rows, method: str) -> Output | None:
    """What `method` answers, the usual one if it is empty; None: it raised."""
    try:
        return version.predict(rows, {"predict_method": method} if method else {})
    except Exception:  # noqa: BLE001  a model may raise anything
        return None


def _same(right: Output | None, found: Output | None) -> bool:
    if right is None or found is None:
        return right is found
    try:
        return equal(right.values, found.values)
    except Exception:  # noqa: BLE001  answers that can't be compared
        return False


def _complete(plain: LoadedVersion, rows: Rows, method: str, found: Output | None, shortcuts: Shortcuts) -> bool:
    """Labels that come with probabilities come with the right ones."""
    if found is None or method != "predict" or found.probabilities is None:
        return found is None or method != "predict" or not shortcuts.labels_from_probabilities
    shares = _answer(plain, rows, "predict_proba")
    return shares is not None and equal(shares.values, np.asarray(found.probabilities["values"]))


def _fits(quick: Compiled | None, rows: Rows, method: str) -> bool:
    if quick is None:
        return True
    try:
        quick.answer(rows, method if method in quick.methods else next(iter(quick.methods)))
    except Exception:  # noqa: BLE001  left to the model
        return False
    return True
