"""Sections `[access]` and `[client]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import HIDDEN, section, setting


@section
class Access:
    """Tokens, and certificates that callers trust."""

    access_required: bool = setting(
        False, "flag", "Let in callers with a token only; must be on where other machines can connect."
    )
    access_folder: str = setting(
        "",
        "folder",
        "What tokens are checked by: public keys, and which are revoked; empty: `access` in the home folder.",
    )
    access_token: str = setting(
        "", HIDDEN, "Token that this command line sends; empty: one of its own, where the signing key is here."
    )

    client_ca_file: str = setting(
        "", "file", "PEM of those who vouch for Cuelight's certificate, for its client in MLflow; empty: the machine's."
    )
