from __future__ import annotations

import hashlib
import mmap
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.protocol.rows import Rows
from cuelight.serving.versions import image
from cuelight.serving.versions.loader import Shortcuts, load
from tests.support import models

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 4))
LABELS = X.sum(axis=1) > 0
MAKE = Shortcuts(image=image.MAKE)
ZEROS = Rows({"a": np.zeros(1), "b": np.zeros(1)}, 1)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LinearRegression()),
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_answers_from_its_image_as_it_does(model: Any, tmp_path: Path) -> None:
    """To the bit, and as often as it is read."""
    model.fit(X, LABELS)
    digest = image.write(model, tmp_path / "image")
    for _ in range(2):
        np.testing.assert_array_equal(image.read(tmp_path / "image", digest).predict(X), model.predict(X))


def test_arrays_are_mapped_and_may_be_written_to(tmp_path: Path) -> None:
    """What is written stays in the process; the file is what it was."""
    digest = image.write(KNeighborsClassifier(3, algorithm="brute").fit(X, LABELS), tmp_path / "image")
    rows = image.read(tmp_path / "image", digest)._fit_X
    base = rows
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj, mmap.mmap)
    rows[:] = 0.0
    np.testing.assert_array_equal(image.read(tmp_path / "image", digest)._fit_X, X)


def test_an_image_that_is_not_the_one_is_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, altered, cut, or made under another scikit-learn."""
    path = tmp_path / "image"
    digest = image.write(LinearRegression().fit(X, LABELS), path)
    content = path.read_bytes()
    assert image.read(tmp_path / "elsewhere", digest) is None
    for other in (content[:-1], b"", content[:100] + bytes([content[100] ^ 1]) + content[101:]):
        path.chmod(0o600)
        path.write_bytes(other)
        assert image.read(path, digest) is None
    path.write_bytes(content)
    assert image.read(path, digest) is not None
    monkeypatch.setattr(sklearn, "__version__", "0.1")
    assert image.read(path, digest) is None


def test_a_signed_version_loads_from_its_image(library: Any, tmp_path: Path) -> None:
    """Without its own file being read; where the image is not the one written down, the file is."""
    folder = Path(shutil.copytree(library("3"), tmp_path / "entry" / "files"))
    digest = load(folder, "d", "key", MAKE).image
    assert load(folder, "d", "key", Shortcuts(image="0" * 64)).predict(ZEROS, {}).values.tolist() == [3.0]
    (folder / "model.skops").write_bytes(b"junk")
    assert load(folder, "d", "key", Shortcuts(image=digest)).predict(ZEROS, {}).values.tolist() == [3.0]


def test_an_unsigned_version_never_comes_from_an_image(library: Any, tmp_path: Path) -> None:
    """None is made for it, and one that lies there, digest and all, is not opened: it would run code."""
    folder = Path(shutil.copytree(library("3"), tmp_path / "entry" / "files"))
    assert load(folder, "d", "", MAKE).image == ""
    assert not image.beside(folder).exists()
    digest = image.write(models.Bomb(tmp_path / "ran"), image.beside(folder))
    assert load(folder, "d", "", Shortcuts(image=digest)).predict(ZEROS, {}).values.tolist() == [3.0]
    assert not (tmp_path / "ran").exists()
    assert hashlib.sha256(image.beside(folder).read_bytes()).hexdigest() == digest


def test_a_model_that_can_not_be_pickled_has_no_image(tmp_path: Path) -> None:
    """Then its own file is read each time."""
    folder = models.save(tmp_path / "entry" / "files", models.slow(4.0, 0.0), form="cloudpickle")
    version = load(folder, "d", "key", MAKE)
    assert (version.image, version.predict(ZEROS, {}).values.tolist()) == ("", [4.0])
    assert not image.beside(folder).exists()
