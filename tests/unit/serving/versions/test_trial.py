from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import yaml

from cuelight.kit.errors import Refused
from cuelight.protocol.signature import Signature
from cuelight.registry.manifest import REFERENCE_SAMPLE
from cuelight.serving.host.board import started
from cuelight.serving.versions import image
from cuelight.serving.versions.demands import check_answer
from cuelight.serving.versions.samples import Sample
from cuelight.serving.versions.trial import Verdict, run
from tests.support import trials
from tests.support.host import eventually

GB = 1 << 30
GOOD = Sample("application/json", b'{"instances": [[0, 0]]}')
OTHER = Sample("application/json", b'{"instances": [[0, 0, 0]]}')


class Scripted:
    """A model whose prediction is a function."""

    def __init__(self, act: Callable[[Any], Any]) -> None:
        self.act = act

    def predict(self, rows: Any) -> Any:
        return self.act(rows)


def _write(folder: Path, act: Callable[[Any], Any]) -> Path:
    """A signed pickle as MLflow would lay it out; made by hand, since its contents are the point."""
    folder.mkdir()
    flavors = {
        "sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"},
        "python_function": {"loader_module": "mlflow.sklearn"},
    }
    inputs = '[{"name": "a", "type": "double"}, {"name": "b", "type": "double"}]'
    outputs = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
    document = {"flavors": flavors, "signature": {"inputs": inputs, "outputs": outputs}}
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        (folder / "model.pkl").write_bytes(cloudpickle.dumps(Scripted(act)))
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    return folder


def _try(folder: Path, *recent: Sample, key: str = "key") -> Verdict:
    """What it finds, forked as those of tests' hosts: a trial costs imports."""
    return trials.run(folder, "d", key, recent or (GOOD,), 30.0, 8 * GB)


def _begin(folder: Path, *recent: Sample, seconds: float = 30.0, memory: int = 8 * GB, key: str = "key") -> Verdict:
    """The same from nothing: what becomes of its process."""
    return run(folder, "d", key, recent or (GOOD,), seconds, memory)


def test_a_good_model_passes(library: Callable[[str], Path]) -> None:
    """Its example and the recent requests that fit are predicted; how long that takes is measured."""
    verdict = _begin(library("1"), GOOD, OTHER, key="")
    assert (verdict.ok, verdict.tried, verdict.labels_from_probabilities) == (True, 2, False)
    assert verdict.load_seconds > 0
    assert verdict.predict_ms > 0
    assert verdict.note == "1 of 2 recent requests do not fit it"


@pytest.mark.parametrize(("name", "says"), [("nan", "NaN"), ("raising", "It raised ValueError on its input example")])
def test_a_model_that_predicts_nonsense_is_refused(library: Callable[[str], Path], name: str, says: str) -> None:
    """NaN and an exception are found by its own input example."""
    verdict = _try(library(name), key="")
    assert not verdict.ok
    assert says in verdict.reason


def test_a_model_that_hangs_is_refused_in_time(tmp_path: Path) -> None:
    """Its process, and what that has started, is killed when the time is over."""
    pid = tmp_path / "pid"

    def hang(_rows: Any) -> Any:
        pid.write_text(str(subprocess.Popen(["sleep", "3600"]).pid))
        time.sleep(3600)

    verdict = _begin(_write(tmp_path / "m", hang), seconds=3.5)
    assert (verdict.ok, verdict.reason) == (False, "It did not load and predict within 4 s (trial_seconds).")
    if pid.exists():
        assert _gone(int(pid.read_text()))


def _gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while started(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not started(pid)


def test_a_model_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    """What does not fit the limit is said to be the limit's doing."""

    def grab(_rows: Any) -> Any:
        return np.ones(1 << 31)

    verdict = _begin(_write(tmp_path / "m", grab), memory=4 * GB)
    assert not verdict.ok
    assert verdict.reason == f"It needs more than {4 * GB} bytes of memory (trial_memory_bytes)."


def test_a_model_that_prints_and_leaves_a_process_behind_does_not_matter(tmp_path: Path) -> None:
    """What it prints does not mix with the verdict, and what it started does not outlive the trial."""
    pid = tmp_path / "pid"

    def noisy(rows: Any) -> Any:
        sys.stdout.write("{}" * 1000)
        sys.stdout.flush()
        os.write(1, b"raw\n")
        if not pid.exists():
            pid.write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        return np.zeros(len(rows))

    verdict = _begin(_write(tmp_path / "m", noisy))
    assert (verdict.ok, verdict.reason, verdict.tried) == (True, "", 1)
    assert _gone(int(pid.read_text()))


def test_a_model_that_kills_its_process_is_refused(tmp_path: Path) -> None:
    """By whichever way it ends the process, the follower goes on and says how it died."""

    def crash(_rows: Any) -> Any:
        os.kill(os.getpid(), 9)

    verdict = _begin(_write(tmp_path / "m", crash))
    assert not verdict.ok
    assert "SIGKILL" in verdict.reason


def test_a_trial_of_a_tests_host_finds_the_same(library: Callable[[str], Path], tmp_path: Path) -> None:
    """Forked from a process that has imported much, it passes, refuses, dies and is ended as those above."""

    def crash(_rows: Any) -> Any:
        os.kill(os.getpid(), 9)

    def hang(_rows: Any) -> Any:
        time.sleep(3600)

    files = [library("1"), library("nan"), _write(tmp_path / "crash", crash), _write(tmp_path / "hang", hang)]
    limits = (30.0, 30.0, 30.0, 3.0)
    passed, *others = (
        trials.run(each, "d", "key", (GOOD,), limit, 8 * GB) for each, limit in zip(files, limits, strict=True)
    )
    assert (passed.ok, passed.tried, passed.compiled) == (True, 2, "linear")
    for verdict, says in zip(others, ("NaN", "SIGKILL", "within 3 s"), strict=True):
        assert (verdict.ok, says in verdict.reason) == (False, True)


def test_a_trial_does_not_outlive_a_follower_that_was_killed(tmp_path: Path) -> None:
    """A model that never ends is ended by its own process when nobody is left to do it."""
    pid = tmp_path / "pid"

    def hang(_rows: Any) -> Any:
        pid.write_text(str(os.getpid()))
        while True:
            pass

    files = _write(tmp_path / "m", hang)
    order = "from pathlib import Path\nfrom cuelight.serving.versions import trial\n"
    order += "from cuelight.serving.versions.samples import Sample\n"
    order += f"trial.run(Path({str(files)!r}), 'd', 'key', [Sample('application/json', {GOOD.body!r})], 6, {8 * GB})"
    with subprocess.Popen([sys.executable, "-c", order]) as follower:
        eventually(lambda: pid.exists() and pid.read_text())
        follower.kill()
    assert not _gone(int(pid.read_text()), 0.1)
    assert _gone(int(pid.read_text()), 15)


class _Labels:
    """A classifier whose labels are texts."""

    classes_ = np.array(["no", "yes"])

    def predict(self, rows: Any) -> Any:
        return np.array(["no"] * len(rows))

    def predict_proba(self, rows: Any) -> Any:
        return np.array([[0.75, 0.25]] * len(rows))


def test_recent_requests_for_other_methods_are_tried_as_such(tmp_path: Path) -> None:
    """Probabilities are no labels and need not be; a method that this version lacks is not its fault."""
    folder = _write(tmp_path / "m", len)
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        (folder / "model.pkl").write_bytes(cloudpickle.dumps(_Labels()))
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    document = yaml.safe_load((folder / "MLmodel").read_text())
    document["signature"]["outputs"] = '[{"type": "string"}]'
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    asked = [
        Sample("application/json", b'{"instances": [[0, 0]], "params": {"predict_method": "%s"}}' % method)
        for method in (b"predict_proba", b"decision_function")
    ]
    verdict = _try(folder, GOOD, *asked)
    assert (verdict.ok, verdict.reason, verdict.tried) == (True, "", 2)
    assert verdict.note == "1 of 3 recent requests do not fit it"


@pytest.mark.parametrize("path", ["../secret.json", "/etc/hostname", "link.json"])
def test_an_input_example_elsewhere_is_refused(library: Callable[[str], Path], tmp_path: Path, path: str) -> None:
    """A version can't have other files of this host read."""
    folder = Path(shutil.copytree(library("1"), tmp_path / "m"))
    (tmp_path / "secret.json").write_text('{"instances": [[0, 0]]}')
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    document = yaml.safe_load((folder / "MLmodel").read_text())
    document["saved_input_example_info"] = {"serving_input_path": path}
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    verdict = _try(folder, key="")
    assert (verdict.ok, "outside of its own folder" in verdict.reason) == (False, True)


def test_an_unsigned_pickle_is_not_even_loaded(tmp_path: Path) -> None:
    """The trial loads by the same rules as a worker."""
    verdict = _try(_write(tmp_path / "m", len), key="")
    assert not verdict.ok
    assert "not signed" in verdict.reason


@pytest.mark.parametrize("signature", ["nonsense", {"inputs": "{"}, {"inputs": '[{"name": "a"}]'}])
def test_a_signature_that_is_none_is_refused_with_a_reason(tmp_path: Path, signature: Any) -> None:
    """An MLmodel file that MLflow would not have written is the version's fault, not a crash."""
    folder = _write(tmp_path / "m", len)
    document = yaml.safe_load((folder / "MLmodel").read_text())
    (folder / "MLmodel").write_text(yaml.safe_dump(document | {"signature": signature}))
    verdict = _try(folder)
    assert not verdict.ok
    assert "can't be loaded" in verdict.reason


NUMBERS = Signature(outputs=({"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}},))
TEXTS = Signature(outputs=({"type": "string"},))


@pytest.mark.parametrize(
    ("answer", "signature", "fits"),
    [
        (np.array([1.0, 2.0]), NUMBERS, True),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), NUMBERS, True),
        ([{"p": 1.0}, {"p": 2.0}], NUMBERS, True),
        ({"p": [1.0, 2.0]}, Signature(), True),
        ({"p": np.array([1.0, 2.0])}, Signature(), True),
        (np.array(["x", "y"]), TEXTS, True),
        (np.array(["x", "y"]), Signature(), True),
        (np.array([1.0]), NUMBERS, False),
        (np.array([1.0, np.nan]), NUMBERS, False),
        (np.array([1.0, -np.inf]), Signature(), False),
        (np.array([[1.0], [np.inf]]), NUMBERS, False),
        ([1.0, None], NUMBERS, False),
        ([{"p": 1.0}, {"p": float("nan")}], NUMBERS, False),
        ({"p": [1.0]}, Signature(), False),
        (np.array(["x", "y"]), NUMBERS, False),
        (np.array([1.0, 2.0]), TEXTS, False),
        (5.0, NUMBERS, False),
        (None, NUMBERS, False),
        ("xy", TEXTS, False),
    ],
)
def test_an_answer_is_held_against_the_rows_and_the_signature(answer: Any, signature: Signature, fits: bool) -> None:
    """One finite prediction a row, of the kind that the signature states."""
    with contextlib.nullcontext() if fits else pytest.raises(Refused):
        check_answer(answer, signature, 2, "a request")


def test_the_trial_finds_the_quickest_way_that_is_equal(library: Callable[[str], Path]) -> None:
    """A linear model on doubles is proved to be a sum of products; an unsigned one gets no image."""
    verdict = _try(library("1"), GOOD, key="")
    assert (verdict.compiled, verdict.image) == ("linear", "")


def test_the_trial_makes_a_signed_versions_image(library: Callable[[str], Path], tmp_path: Path) -> None:
    """Beside its files, under the digest in the verdict."""
    folder = Path(shutil.copytree(library("3"), tmp_path / "entry" / "files"))
    digest = _try(folder, GOOD).image
    assert image.read(image.beside(folder), digest).intercept_ == 3.0


TWO = Sample("application/json", b'{"instances": [[0, 0], [2, 1]]}')


@pytest.mark.parametrize(
    ("act", "by_row"),
    [
        (lambda rows: rows["a"].to_numpy() * 2, True),
        (lambda rows: (rows["a"] - rows["a"].mean()).to_numpy(), False),
        (lambda rows: {"a": rows["a"].tolist()}, False),
    ],
)
def test_callers_rows_are_joined_only_where_that_changes_no_answer(
    tmp_path: Path, act: Callable[[Any], Any], by_row: bool
) -> None:
    """A model that looks at the rows beside, or whose answer can't be cut apart, has each caller's rows alone."""
    verdict = _try(_write(tmp_path / "m", act), TWO)
    assert (verdict.ok, verdict.by_row) == (True, by_row), verdict.reason


def test_an_input_example_may_have_missing_values(tmp_path: Path) -> None:
    """MLflow writes them as NaN, which is no JSON."""
    folder = _write(tmp_path / "m", lambda rows: rows["a"].fillna(0.0).to_numpy())
    (folder / "serving_input_example.json").write_text(
        '{"dataframe_split": {"columns": ["a", "b"], "data": [[NaN, 1]]}}'
    )
    verdict = _try(folder)
    assert verdict.ok, verdict.reason
    assert verdict.tried == 2


def _picky(rows: Any) -> Any:
    values = np.asarray(rows, dtype=float)
    if (values > 50).any():
        raise ValueError("beyond me")
    return values.sum(axis=1)


def test_the_reference_sample_is_tried(tmp_path: Path) -> None:
    """Rows that training left among the files; one that can't be read does not count against the version."""
    folder = _write(tmp_path / "v", _picky)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    frame.to_parquet(folder / REFERENCE_SAMPLE, index=False)
    verdict = _try(folder)
    assert (verdict.ok, verdict.tried) == (True, 2)
    frame.assign(b=99.0).to_parquet(folder / REFERENCE_SAMPLE, index=False)
    assert "on its reference sample" in _try(folder).reason
    (folder / REFERENCE_SAMPLE).write_bytes(b"PAR1")
    verdict = _try(folder)
    assert (verdict.ok, verdict.tried) == (True, 1)
