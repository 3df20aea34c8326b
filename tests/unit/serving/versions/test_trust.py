from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cuelight.kit.errors import Refused
from cuelight.kit.signing import SigningKey, TrustedKeys
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion
from cuelight.serving.versions import trust


class _Signed:
    """A version whose files are in `folder`, signed by the key in `keys`."""

    def __init__(self, folder: Path, keys: Path, model: str = "m", run_id: str = "r") -> None:
        self.folder = folder
        self.key = SigningKey.load_or_create(keys)
        self.known = TrustedKeys.load(keys)
        self.manifest = Manifest.of_folder(folder, model, run_id)
        signed = self.manifest.signed(self.key)
        self.version = ModelVersion("m", 1, 1, 1, "models:/x", "r", tags=signed)


@pytest.fixture
def signed(tmp_path: Path) -> _Signed:
    """Two files, and a good signature over them."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "MLmodel").write_text("{}")
    (folder / "model.skops").write_bytes(b"x")
    return _Signed(folder, tmp_path / "keys")


def _check(signed: _Signed, pinned: str = "", **changes: Any) -> tuple[Manifest, str]:
    return trust.check_signature(replace(signed.version, **changes), signed.folder, signed.known, pinned)


def test_a_good_signature_names_its_key(signed: _Signed) -> None:
    """Files that keep to a manifest signed by a known key are vouched for by that key."""
    assert _check(signed) == (signed.manifest, signed.key.id)


@pytest.mark.parametrize("spoil", ["change", "add", "remove"])
def test_files_that_differ_from_the_manifest_are_refused(signed: _Signed, spoil: str) -> None:
    """A file altered, added or taken away after it was signed is found."""
    path = signed.folder / "model.skops"
    if spoil == "remove":
        path.unlink()
    else:
        (path if spoil == "change" else signed.folder / "more.py").write_bytes(b"y")
    with pytest.raises(Refused, match="manifest"):
        _check(signed)


@pytest.mark.parametrize(("model", "run"), [("other", "r"), ("m", "other")])
def test_a_manifest_of_another_model_or_run_is_refused(tmp_path: Path, signed: _Signed, model: str, run: str) -> None:
    """A signed manifest can't be replayed: it is good for its own model and run alone."""
    replayed = _Signed(signed.folder, tmp_path / "keys", model, run)
    with pytest.raises(Refused, match="copied from elsewhere"):
        _check(signed, tags=replayed.version.tags)


def test_vanished_tags_make_a_version_unsigned(signed: _Signed) -> None:
    """Without manifest, without signature, or without both, nobody vouches for it."""
    assert _check(signed, tags={})[1] == ""
    assert _check(signed, tags={tags.MANIFEST: signed.manifest.to_json()})[1] == ""
    assert _check(signed, tags={tags.SIGNATURE: signed.key.sign(signed.manifest)})[1] == ""


def test_an_unknown_key_is_refused(tmp_path: Path, signed: _Signed) -> None:
    """A signature by a key that is not among the trusted ones counts for nothing."""
    stranger = _Signed(signed.folder, tmp_path / "elsewhere")
    with pytest.raises(Refused, match="not known here"):
        _check(signed, tags=stranger.version.tags)


@pytest.mark.parametrize("signature", ["ed25519:KEY:AAAA", "ed25519:KEY:!", "rsa:KEY:AAAA", "x"])
def test_a_signature_that_does_not_hold_is_refused(signed: _Signed, signature: str) -> None:
    """One of another text, of another kind, or of no kind."""
    broken = {**signed.version.tags, tags.SIGNATURE: signature.replace("KEY", signed.key.id)}
    with pytest.raises(Refused):
        _check(signed, tags=broken)


def test_files_that_changed_since_they_were_first_seen_are_refused(signed: _Signed) -> None:
    """An unsigned version's digest is pinned; the same files pass again, others do not."""
    found, _ = _check(signed, tags={})
    assert _check(signed, found.digest, tags={})[0].digest == found.digest
    (signed.folder / "model.skops").write_bytes(b"y")
    with pytest.raises(Refused, match="after it was first seen"):
        _check(signed, found.digest, tags={})


def _edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "MLmodel"
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))


def test_skops_files_of_scikit_learn_load_unsigned(saved: Path) -> None:
    """What MLflow writes by default for scikit-learn can't run code: nobody need vouch for it."""
    assert trust.check_content(saved, "", trust_unsigned=False) == ""
    assert trust.check_content(saved, "key", trust_unsigned=False) == "key"


_SUSPECT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a code path": lambda each: each["flavors"]["python_function"].update(code="code"),
    "a code path of the flavor": lambda each: each["flavors"]["sklearn"].update(code="code"),
    "another loader module": lambda each: each["flavors"]["python_function"].update(loader_module="os"),
    "cloudpickle": lambda each: each["flavors"]["sklearn"].update(serialization_format="cloudpickle"),
    "pickle": lambda each: each["flavors"]["sklearn"].update(serialization_format="pickle"),
    "another file ending": lambda each: each["flavors"]["sklearn"].update(pickled_model="model.pkl"),
    "a path that leads out": lambda each: each["flavors"]["sklearn"].update(pickled_model="../../x.skops"),
    "an absolute path": lambda each: each["flavors"]["sklearn"].update(pickled_model="/x.skops"),
    "another flavor": lambda each: each["flavors"].update(pytorch={}),
    "no scikit-learn flavor": lambda each: each["flavors"].pop("sklearn"),
    "no flavors": lambda each: each.update(flavors=None),
    "flavors of no shape": lambda each: each.update(flavors=["sklearn", "python_function"]),
    "a name of no shape": lambda each: each["flavors"]["sklearn"].update(pickled_model=["x.skops"]),
    "a flavor of no shape": lambda each: each["flavors"].update(sklearn="skops"),
}


@pytest.mark.parametrize("name", _SUSPECT)
def test_what_could_run_code_is_refused_unsigned(saved: Path, name: str) -> None:
    """Anything but skops by scikit-learn's own loader needs a signature, or the setting that opens all."""
    _edit(saved, _SUSPECT[name])
    with pytest.raises(Refused, match="cuelight trust"):
        trust.check_content(saved, "", trust_unsigned=False)
    assert trust.check_content(saved, "key", trust_unsigned=False) == "key"
    assert trust.check_content(saved, "", trust_unsigned=True) == trust.OPEN


@pytest.mark.parametrize(
    "uri",
    [
        "s3://models/a",
        "s3://models",
        "mlflow-artifacts:/1/models/m-2/artifacts",
        "file:/srv/models/x",
    ],
)
def test_sources_in_the_configured_stores_are_taken(uri: str) -> None:
    """A root, and all below it."""
    trust.check_source(uri, " s3://models , mlflow-artifacts:, file:/srv/models/")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://attacker/models",
        "s3://models-of-others/a",
        "s3://models/../others/a",
        "s3://models/%2e%2e/others/a",
        "s3://models/%252e%252e/others/a",
        "file:/etc",
        "mlflow-artifacts://attacker:5000/1/models/m-2/artifacts",
        "http://models/a",
        "",
    ],
)
def test_sources_outside_are_refused(uri: str) -> None:
    """Another store, a name that only begins alike, a way up, also an encoded one."""
    with pytest.raises(Refused, match="registry_artifact_roots"):
        trust.check_source(uri, "s3://models,mlflow-artifacts:,file:/srv/models/")


def test_without_roots_nothing_is_taken() -> None:
    """An empty setting closes, and does not open."""
    with pytest.raises(Refused):
        trust.check_source("s3://models/a", " , ")


def test_nested_aliases_are_not_written_out(saved: Path) -> None:
    """A few lines of YAML that stand for billions of texts are refused without making them."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    flavors = "flavors: {sklearn: {pickled_model: *l11, serialization_format: skops}, python_function: {}}"
    (saved / "MLmodel").write_text("\n".join([*lines, flavors, "name: *l11"]))
    with pytest.raises(Refused, match="cuelight trust NAME VERSION"):
        trust.check_content(saved, "", trust_unsigned=False)


def test_a_refusals_basis_changes_with_what_it_rests_on(signed: _Signed) -> None:
    """Tags, keys and settings are part of it; state tags that Cuelight writes itself are not."""
    same = trust.basis(signed.version, signed.known, 1)
    state = replace(signed.version, tags={**signed.version.tags, tags.STATE: "refused"})
    assert trust.basis(state, signed.known, 1) == same
    unsigned = replace(signed.version, tags={})
    others = {trust.basis(signed.version, signed.known, 2), trust.basis(signed.version, TrustedKeys({}), 1)}
    assert len({same, trust.basis(unsigned, signed.known, 1), *others}) == 4
