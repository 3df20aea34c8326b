"""What the command line itself says of who asks, where servers want to know."""

from __future__ import annotations

import time

from cuelight.access.credentials import bearer
from cuelight.kit.errors import BadInput, NotFound
from cuelight.kit.identity import new_id, user
from cuelight.kit.settings import Settings

_SECONDS = 900.0  # a demo takes a few minutes


def credentials(settings: Settings) -> dict[str, str]:
    """The headers that carry a token: that of `access.token`, or a short-lived one where its signing key is here.

    Raises:
        BadInput: servers want a token, and this machine can't make one.
    """
    text = settings.access_token or (_own(settings) if settings.access_required else "")
    return bearer(text)


def _own(settings: Settings) -> str:
    from cuelight.access.keys import Keys
    from cuelight.access.permissions import ALL_MODELS, Grant, Scope
    from cuelight.access.tokens import Token, sign

    try:
        private, key = Keys(settings.keys_folder, settings.tokens_folder).signer()
    except NotFound as fault:
        raise BadInput("This takes a token: set access.token (CUELIGHT_ACCESS_TOKEN) to one.") from fault
    now = time.time()
    grant = Grant(frozenset((Scope.SCORE.value, Scope.FEEDBACK.value)), frozenset((ALL_MODELS,)))
    return sign(Token(new_id(), f"{user()} (cuelight)", now, now + _SECONDS, grant), private, key)
