"""How Cuelight's own programs log in at MLflow: as settings say, else by a password that `cuelight up` makes.

Where callers need tokens, the MLflow that `cuelight up` runs checks passwords, too: nobody gets to it but through the
gateway, or as one of Cuelight's own programs.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass, field

from cuelight.kit import files
from cuelight.kit.settings import Settings

USER = "cuelight"
PASSWORD = "mlflow.password"  # noqa: S105  a file's name
_BYTES = 32


@dataclass(frozen=True)
class Login:
    """A user of MLflow's; without a `user` MLflow asks nobody who they are."""

    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What requests carry: basic authentication (RFC 7617) in UTF-8, as MLflow reads it."""
        if not self.user:
            return {}
        return {"authorization": f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode('ascii')}"}


def is_guarded(settings: Settings) -> bool:
    """Whether the MLflow that `cuelight up` runs asks for our password: not where it has an app of its own choice."""
    return settings.access_required and not settings.registry_uri and not settings.mlflow_app


def login(settings: Settings) -> Login:
    """Who Cuelight's programs are to MLflow; the password is drawn at first use, into a file of mode 0600."""
    if settings.registry_user or not is_guarded(settings):
        return Login(settings.registry_user, settings.registry_password)
    path = settings.keys_folder / PASSWORD
    if not path.exists():
        files.create(path, secrets.token_urlsafe(_BYTES).encode())
    return Login(USER, path.read_text(encoding="ascii"))
