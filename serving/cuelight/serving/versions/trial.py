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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cuelight.kit import garbage
from cuelight.kit.errors import Refused
from cuelight.serving.versions import example
from cuelight.serving.versions.admission import load_warm
from cuelight.serving.versions.demands import check
from cuelight.serving.versions.image import MAKE
from cuelight.serving.versions.loader import ONE_THREAD, LoadedVersion, Shortcuts, load
from cuelight.serving.versions.proof import prove
from cuelight.serving.versions.samples import Sample, fitting, input_example, its_own
from cuelight.serving.versions.timing import byte_ms, median_ms
from cuelight.serving.versions.weight import Weight, resident, weigh

_ORPHAN_SECONDS = 2  # what a trial has beyond its time, if nobody is left to end it
_LOADS = 4  # of so many, each has its share of the trial's time
_NICENESS = 5  # requests in flight go first, and it still ends in time on a busy host


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


class Process(Protocol):
    """What is used of the process that a trial runs in."""

    pid: int
    returncode: int

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, Any]: ...  # noqa: A002


def _process(environment: Mapping[str, str]) -> Process:
    """A trial in a session of its own, which waits for its order."""
    return subprocess.Popen(
        [sys.executable, "-m", "cuelight.serving.versions.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def run(
    files: Path,
    digest: str,
    signed_by: str,
    recent: Sequence[Sample],
    seconds: float,
    memory_bytes: int,
    start: Callable[[Mapping[str, str]], Process] = _process,
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
    process = start({**ONE_THREAD, **os.environ})
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


def _kill(process: Process) -> None:
    """End the session we started, with whatever the model started in it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _timed(verdict: Verdict, version: LoadedVersion, files: Path) -> Verdict:
    """With what its input example takes."""
    for _, request in input_example(files, version.signature):
        size = len(example.body(files))
        return replace(verdict, predict_ms=median_ms(version, request), byte_ms=byte_ms(version, request, size))
    return verdict


def _weighed(verdict: Verdict, order: Mapping[str, Any], shortcuts: Shortcuts, grown: int) -> Verdict:
    """With what it takes in memory as it will be served.

    `grown` is by how much the process grew when it loaded first, imports included: it has to do where loading takes
    long, or no second one fits into the trial's memory.
    """
    found = Weight(grown, grown)
    garbage.look_as_usual()  # as where it will be served; what is there already is left out
    if verdict.load_seconds < order["seconds"] / _LOADS:
        with contextlib.suppress(Refused, MemoryError):
            found = weigh(lambda: load_warm(Path(order["files"]), order["digest"], order["signed_by"], shortcuts))
    return replace(verdict, resident_bytes=found.resident, peak_bytes=found.peak)


def _shortcuts(order: Mapping[str, Any], version: LoadedVersion, recent: Sequence[Sample]) -> Shortcuts:
    """The quicker way that the version may be served in; none where the proof itself fails."""
    files = Path(order["files"])

    def again(shortcuts: Shortcuts) -> LoadedVersion:
        return load(files, order["digest"], order["signed_by"], shortcuts)

    try:
        examples = [request.rows for _, request in its_own(files, version.signature)]
        asked = [request.rows for _, request in fitting(recent, version.signature)]
        return prove(version, examples, asked, again)
    except Exception:  # noqa: BLE001  then the plain prediction serves
        return Shortcuts()


def main() -> None:
    """Read an order from standard input, write a verdict to standard output."""
    order = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the model prints must not mix with the verdict
    os.nice(_NICENESS)
    garbage.look_seldom()
    signal.alarm(math.ceil(order["seconds"]) + _ORPHAN_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (order["memory_bytes"], order["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    recent = [Sample(**each | {"body": base64.b64decode(each["body"])}) for each in order["recent"]]
    try:
        before = resident()
        version = load(Path(order["files"]), order["digest"], order["signed_by"], Shortcuts(image=MAKE))
        grown = resident() - before
        passed = check(version, Path(order["files"]), recent)
        shortcuts = _shortcuts(order, version, recent)
        verdict = Verdict(True, "", version.load_seconds, tried=passed.tried, note=passed.note, **asdict(shortcuts))
        verdict = _timed(verdict, version.shortened(shortcuts), Path(order["files"]))
        verdict = _weighed(verdict, order, shortcuts, grown)
    except (Refused, MemoryError) as error:
        reason = f"It needs more than {order['memory_bytes']} bytes of memory (trial_memory_bytes)."
        starved = any(isinstance(each, MemoryError) for each in (error, error.__cause__))
        verdict = Verdict(False, reason if starved else str(error))
    json.dump(asdict(verdict), answers)
    answers.flush()
    os._exit(0)  # to take thousands of modules down one by one is of use to nobody


if __name__ == "__main__":
    main()
