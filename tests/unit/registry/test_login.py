"""How our own programs log in at MLflow."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cuelight.kit.settings import Settings
from cuelight.registry.login import Login, is_guarded, login


def test_a_password_is_drawn_once_for_its_owner_alone(tmp_path: Path) -> None:
    """Where callers need tokens: long, the same from then on, and another one in another home."""
    settings = Settings(home=tmp_path / "one", access_required=True)
    first = login(settings)
    assert first == login(settings)
    assert len(first.password) >= 40
    assert first.password not in repr(first)
    assert stat.S_IMODE((settings.keys_folder / "mlflow.password").stat().st_mode) == 0o600
    assert login(Settings(home=tmp_path / "two", access_required=True)).password != first.password


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"access_required": True, "registry_uri": "https://there"},
        {"access_required": True, "mlflow_app": "basic-auth"},
    ],
)
def test_elsewhere_settings_say_who_we_are(tmp_path: Path, chosen: dict[str, object]) -> None:
    """On a laptop nobody; at an MLflow of others whoever they let in. No password is made up."""
    settings = Settings(home=tmp_path, **chosen)  # type: ignore[arg-type]  # of the right types by the table above
    assert not is_guarded(settings)
    assert login(settings) == Login()
    assert login(Settings(registry_user="u", registry_password="p", **chosen)) == Login("u", "p")  # type: ignore[arg-type]
    assert not (tmp_path / "keys").exists()


def test_headers_are_utf_8() -> None:
    """As MLflow reads them; nobody sends none."""
    assert Login("böb", "ü:").headers == {"authorization": "Basic YsO2YjrDvDo="}
    assert Login().headers == {}
