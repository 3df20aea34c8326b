from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuelight.protocol.rows import Rows
from cuelight.registry.manifest import Manifest
from cuelight.serving.versions.code_paths import CodePaths
from cuelight.serving.versions.loader import LoadedVersion, load

ROWS = Rows({"a": np.array([1.0, 2.0])}, 2)


def _folder(path: Path, **modules: str) -> Path:
    path.mkdir()
    for name, text in modules.items():
        (path / f"{name}.py").write_text(text)
    return path


def _answer() -> Any:
    import brought_here  # type: ignore[import-not-found]

    return brought_here.ANSWER


def test_each_folder_has_its_own_module_of_a_name(tmp_path: Path) -> None:
    """Also where it is imported late, again and again, and by turns."""
    one = CodePaths(_folder(tmp_path / "one", brought_here="ANSWER = 1"))
    two = CodePaths(_folder(tmp_path / "two", brought_here="ANSWER = 2", brought_too="ANSWER = 5"))
    assert [code.bound(_answer)() for code in (one, two, one, one, two)] == [1, 2, 1, 1, 2]
    with one.in_charge():
        module = sys.modules["brought_here"]
    two.bound(_answer)()
    with one.in_charge():
        assert sys.modules["brought_here"] is module  # it keeps its state
    assert "brought_here" not in sys.modules
    assert not [each for each in sys.path if str(tmp_path) in each]


def test_only_who_imports_late_waits_for_others_of_the_same_names(tmp_path: Path) -> None:
    """A version that holds its modules by reference predicts while another with the same names is being loaded."""
    one = CodePaths(_folder(tmp_path / "one", brought_here="ANSWER = 1"))
    two = CodePaths(_folder(tmp_path / "two", brought_here="ANSWER = 2"))
    early = one.bound(lambda: 1)
    early()
    loading, done = threading.Event(), threading.Event()

    def load_two() -> None:
        with two.in_charge():
            loading.set()
            done.wait(30)

    thread = threading.Thread(target=load_two)
    thread.start()
    loading.wait(30)
    try:
        assert early() == 1
    finally:
        done.set()
        thread.join()


def test_an_import_that_only_some_rows_need_finds_its_module(tmp_path: Path) -> None:
    """What did not import at first may do so later: its own module answers, not an error."""
    late = CodePaths(_folder(tmp_path / "one", brought_here="ANSWER = 1")).bound(lambda ask: _answer() if ask else 0)
    assert [late(ask) for ask in (False, True, False, True)] == [0, 1, 0, 1]


def test_what_a_model_raises_stays_what_it_is(tmp_path: Path) -> None:
    """Its error is not hidden, whether it comes at first or later."""
    failing = CodePaths(_folder(tmp_path / "one", brought_here="ANSWER = 1")).bound(lambda by: 1 // by)
    for by in (0, 1, 0):
        if by:
            assert failing(by) == 1
        else:
            with pytest.raises(ZeroDivisionError):
                failing(by)


def test_threads_do_not_meet_each_others_modules(tmp_path: Path) -> None:
    """Two versions with the same name predict at once, in two threads."""
    codes = [CodePaths(_folder(tmp_path / f"{i}", brought_here=f"ANSWER = {i}")) for i in range(2)]
    found: list[set[int]] = [set(), set()]

    def ask(number: int) -> None:
        for _ in range(300):
            found[number].add(codes[number].bound(_answer)())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [{0}, {1}]


def test_what_the_server_has_imported_stays(tmp_path: Path) -> None:
    """A folder that holds a `numpy.py` takes nothing away from the server."""
    code = CodePaths(_folder(tmp_path / "one", numpy="ANSWER = 1"))
    with code.in_charge():
        assert sys.modules["numpy"] is np


def _version(folder: Path, factor: int) -> LoadedVersion:
    import mlflow.pyfunc

    code = _folder(folder.with_suffix(".code"), brought_here=f"ANSWER = {factor}")
    script = folder.with_suffix(".py")
    script.write_text(
        "import mlflow.pyfunc\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        import brought_here\n"
        "        return model_input.a * brought_here.ANSWER\n"
        "mlflow.models.set_model(Model())\n"
    )
    here = [str(code / "brought_here.py")]
    mlflow.pyfunc.save_model(folder, python_model=str(script), code_paths=here, pip_requirements=["mlflow"])
    manifest = Manifest.of_folder(folder, "m", "r")
    loaded = load(folder, folder.name, "key")
    manifest.verify(folder)  # loading left nothing behind
    return loaded


@pytest.mark.filterwarnings("ignore")
def test_two_versions_of_a_model_run_their_own_code(tmp_path: Path) -> None:
    """The next version brings a changed helper: each answers by its own, and their folders still verify."""
    one, two = _version(tmp_path / "one", 10), _version(tmp_path / "two", 100)
    answers = [each.predict(ROWS, {}).values.tolist() for each in (one, two, one)]
    assert answers == [[10, 20], [100, 200], [10, 20]]
