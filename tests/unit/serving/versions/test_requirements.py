"""What a version needs, held against what is installed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from cuelight.kit.errors import Refused
from cuelight.serving.versions import requirements

_NUMPY = importlib.metadata.version("numpy")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# note\n\n--extra-index-url x\n-r other.txt\n",
        f"numpy=={_NUMPY}  # here\nscikit-learn>=1",
        'nowhere==1; python_version < "3"',
        "NumPy",
        "xgboost>=3",
        "numpy>=1 \\\n    --hash=sha256:0\n",
        "flask[dotenv]",
    ],
)
def test_requirements_that_are_met_pass(tmp_path: Path, text: str) -> None:
    """Comments, options and lines for other Pythons don't count; names and builds are those that pip could install."""
    (tmp_path / "requirements.txt").write_text(text)
    requirements.check(tmp_path)


def test_what_an_extra_needs_is_a_requirement(tmp_path: Path) -> None:
    """MLflow writes extras where a model needs them: what they bring is looked for as well."""
    (tmp_path / "requirements.txt").write_text("mlflow[extras]")
    with pytest.raises(Refused, match="kubernetes, and it is not installed"):
        requirements.check(tmp_path)


def test_no_requirements_are_met(tmp_path: Path) -> None:
    """A version without the file asks for nothing."""
    requirements.check(tmp_path)


def test_requirements_that_differ_are_all_listed(tmp_path: Path) -> None:
    """Each line that differs, is not installed or can't be read is in the reason, and the others are not."""
    (tmp_path / "requirements.txt").write_bytes(b"numpy==0.1\nno-such-package-here>=1\nclick\n=what\n\xff\n")
    with pytest.raises(Refused) as caught:
        requirements.check(tmp_path)
    reason = str(caught.value)
    assert f"numpy==0.1, and {_NUMPY} is here" in reason
    assert "no-such-package-here>=1, and it is not installed" in reason
    assert "'=what' can't be read" in reason
    assert "click" not in reason


def test_a_long_list_of_requirements_is_cut(tmp_path: Path) -> None:
    """The reason goes into a tag; a marker that can't be evaluated is a line that can't be read."""
    lines = [f"no-such-package-{n}" for n in range(500)]
    (tmp_path / "requirements.txt").write_text("\n".join(["click; nothing == '1'", *lines]))
    with pytest.raises(Refused, match="and 491 more"):
        requirements.check(tmp_path)


def test_a_package_that_is_installed_changes_what_refusals_rest_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another package, or another version of one, is another environment; the same folders are the same one."""
    monkeypatch.setattr("sys.path", [str(tmp_path), str(tmp_path / "gone")])
    seen = []
    for name in ("", "a-1.dist-info", "a-2.dist-info"):
        (tmp_path / name).mkdir(exist_ok=True)
        requirements.installed.cache_clear()
        seen += [requirements.installed(), requirements.installed()]
    requirements.installed.cache_clear()
    assert [len(set(seen)), seen[::2]] == [3, seen[1::2]]
