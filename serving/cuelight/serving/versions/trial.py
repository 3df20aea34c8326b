"""The trial: a version loads and predicts in a process of its own, under limits, before it may take traffic.

`run` starts the process and reads its verdict; `python -m cuelight.serving.versions.trial` is the process.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cuelight.kit.errors import BadInput, CuelightError, Refused
from cuelight.protocol import media
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.encode import plain
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Signature
from cuelight.registry.manifest import REFERENCE_SAMPLE
from cuelight.serving.versions import example
from cuelight.serving.versions.admission import load_warm
from cuelight.serving.versions.image import MAKE
from cuelight.serving.versions.loader import ONE_THREAD, LoadedVersion, Shortcuts, load
from cuelight.serving.versions.proof import prove
from cuelight.serving.versions.weight import Weight, resident, weigh

_REPEATS, _COPIES, _LONG_MS = 20, 8, 1000.0
_ORPHAN_SECONDS = 2  # what a trial has beyond its time, if nobody is left to end it
_LOADS = 4  # of so many, each has its share of the trial's time
_NICENESS = 5  # requests in flight go first, and it still ends in time on a busy host
_NUMERIC = ("double", "float", "long", "integer")


@dataclass(frozen=True)
class Sample:
    """A request to try: its body, and what says how it is to be read."""

    media_type: str
    body: bytes
    protocol: str = media.MLFLOW
    header_length: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the trial found; `predict_ms` is the median for the input example.

    `byte_ms` is what each byte of a larger body adds: eight examples at once take so much longer than one.
    `resident_bytes` is what it takes in memory, `peak_bytes` at most, while it loads (`weight`).
    """

    ok: bool
    reason: str = ""
    load_seconds: float = 0.0
    predict_ms: float = 0.0
    tried: int = 0
    labels_from_probabilities: bool = False
    note: str = ""
    compiled: str = ""
    by_row: bool = True
    image: str = ""
    byte_ms: float = 0.0
    resident_bytes: int = 0
    peak_bytes: int = 0


def run(
    files: Path, digest: str, signed_by: str, recent: Sequence[Sample], seconds: float, memory_bytes: int
) -> Verdict:
    """Try the version in `files` for at most `seconds`, in at most `memory_bytes` of address space."""
    order = {
        "files": str(files),
        "digest": digest,
        "signed_by": signed_by,
        "memory_bytes": memory_bytes,
        "seconds": seconds,
        "recent": [asdict(each) | {"body": base64.b64encode(each.body).decode()} for each in recent],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cuelight.serving.versions.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**ONE_THREAD, **os.environ},
        start_new_session=True,
    )
    try:
        answer, _ = process.communicate(json.dumps(order).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return Verdict(False, f"It did not load and predict within {seconds:.0f} s (trial_seconds).")
    finally:
        _kill(process)
    try:
        return Verdict(**json.loads(answer))
    except (ValueError, TypeError):
        return Verdict(
            False, f"Its trial died ({_cause(process.returncode)}): loading or predicting ended the process."
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the session we started, with whatever the model started in it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def rehearse(version: LoadedVersion, files: Path, recent: Sequence[Sample]) -> Verdict:
    """Predict the input example and recent requests, and hold the answers against the signature.

    Raises:
        Refused: an answer is missing, not finite, or not of the signature's kind.
    """
    examples = list(_tried(files, version.signature))
    for what, request in examples:
        try:
            _check(version, request, what)
        except BadInput as error:
            raise Refused(f"It does not take {what}: {error}") from error
    fitting = 0
    for what, request in _fitting(recent, version.signature):
        with contextlib.suppress(BadInput):  # it has no such `predict_method`: the caller asked another version
            _check(version, request, what)
            fitting += 1
    unfit = len(recent) - fitting
    note = f"{unfit} of {len(recent)} recent requests do not fit it" if unfit else ""
    return Verdict(True, "", version.load_seconds, tried=len(examples) + fitting, note=note)


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


def _timed(verdict: Verdict, version: LoadedVersion, files: Path) -> Verdict:
    """With what its input example takes."""
    for _, request in _examples(files, version.signature):
        return replace(verdict, predict_ms=_median_ms(version, request), byte_ms=_byte_ms(version, request, files))
    return verdict


def _median_ms(version: LoadedVersion, request: ScoringRequest) -> float:
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        version.predict(request.rows, request.parameters)
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))


def _byte_ms(version: LoadedVersion, request: ScoringRequest, files: Path) -> float:
    try:
        once, many = (_least_ms(version, request, copies) for copies in (1, _COPIES))
    except Exception:  # noqa: BLE001  it takes only so many rows
        return 0.0
    return max(0.0, many - once) / ((_COPIES - 1) * len(example.body(files)))


def _least_ms(version: LoadedVersion, request: ScoringRequest, copies: int) -> float:
    """The least of three, so that a busy machine is not taken for a slow model; of a really slow one, the first."""
    rows = Rows.joined([request.rows] * copies)
    times: list[float] = []
    while len(times) < 3 and sum(times) < _LONG_MS:
        began = time.perf_counter()
        version.predict(rows, request.parameters)
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def _weighed(verdict: Verdict, order: Mapping[str, Any], shortcuts: Shortcuts, grown: int) -> Verdict:
    """With what it takes in memory as it will be served.

    `grown` is by how much the process grew when it loaded first, imports included: it has to do where loading takes
    long, or no second one fits into the trial's memory.
    """
    found = Weight(grown, grown)
    if verdict.load_seconds < order["seconds"] / _LOADS:
        with contextlib.suppress(Refused, MemoryError):
            found = weigh(lambda: load_warm(Path(order["files"]), order["digest"], order["signed_by"], shortcuts))
    return replace(verdict, resident_bytes=found.resident, peak_bytes=found.peak)


def _examples(files: Path, signature: Signature) -> Iterator[tuple[str, ScoringRequest]]:
    body = example.body(files)
    if body:
        try:
            yield "its input example", decode(example.MEDIA_TYPE, body, signature)
        except CuelightError as error:
            raise Refused(f"Its input example does not fit its signature: {error}") from error


def _tried(files: Path, signature: Signature) -> Iterator[tuple[str, ScoringRequest]]:
    """The input example, and the rows of the reference that came with the version, where they can be read."""
    yield from _examples(files, signature)
    path = files / REFERENCE_SAMPLE
    if path.is_file():
        with contextlib.suppress(CuelightError):
            yield "its reference sample", decode(media.PARQUET, path.read_bytes(), signature)


def _fitting(recent: Sequence[Sample], signature: Signature) -> Iterator[tuple[str, ScoringRequest]]:
    for sample in recent:
        try:
            yield (
                "a recent request",
                decode(
                    sample.media_type,
                    sample.body,
                    signature,
                    protocol=sample.protocol,
                    header_length=sample.header_length,
                ),
            )
        except CuelightError:
            continue


def _shortcuts(order: Mapping[str, Any], version: LoadedVersion, recent: Sequence[Sample]) -> Shortcuts:
    """The quicker way that the version may be served in; none where the proof itself fails."""
    files = Path(order["files"])

    def again(shortcuts: Shortcuts) -> LoadedVersion:
        return load(files, order["digest"], order["signed_by"], shortcuts)

    try:
        examples = [request.rows for _, request in _tried(files, version.signature)]
        asked = [request.rows for _, request in _fitting(recent, version.signature)]
        return prove(version, examples, asked, again)
    except Exception:  # noqa: BLE001  then the plain prediction serves
        return Shortcuts()


def _main() -> None:
    """Read an order from standard input, write a verdict to standard output."""
    order = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the model prints must not mix with the verdict
    os.nice(_NICENESS)
    signal.alarm(math.ceil(order["seconds"]) + _ORPHAN_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (order["memory_bytes"], order["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    recent = [Sample(**each | {"body": base64.b64decode(each["body"])}) for each in order["recent"]]
    try:
        before = resident()
        version = load(Path(order["files"]), order["digest"], order["signed_by"], Shortcuts(image=MAKE))
        grown = resident() - before
        verdict = rehearse(version, Path(order["files"]), recent)
        if verdict.ok:
            shortcuts = _shortcuts(order, version, recent)
            verdict = _timed(replace(verdict, **asdict(shortcuts)), version.shortened(shortcuts), Path(order["files"]))
            verdict = _weighed(verdict, order, shortcuts, grown)
    except (Refused, MemoryError) as error:
        reason = f"It needs more than {order['memory_bytes']} bytes of memory (trial_memory_bytes)."
        starved = any(isinstance(each, MemoryError) for each in (error, error.__cause__))
        verdict = Verdict(False, reason if starved else str(error))
    json.dump(asdict(verdict), answers)
    answers.flush()


if __name__ == "__main__":
    _main()
