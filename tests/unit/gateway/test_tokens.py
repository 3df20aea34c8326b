"""What Envoy is told of tokens: which routes ask for them, and that none is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuelight.gateway import gateway, routes, tokens
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_JWT = "envoy.filters.http.jwt_authn"
_EVERYBODYS = {"health", "nothing"}


def _host(settings: Settings, *revoked: str) -> dict[str, Any]:
    host: dict[str, Any] = routes.configuration(settings, revoked)["virtual_hosts"][0]
    return host


def test_every_route_asks_unless_it_says_otherwise() -> None:
    """A token is asked for where a route says nothing; the few that don't ask are those of health, and 404."""
    host = _host(Settings(access_required=True))
    assert host["typed_per_filter_config"][_JWT]["requirement_name"] == "token"
    free = {
        route["name"]
        for route in host["routes"]
        if route.get("typed_per_filter_config", {}).get(_JWT, {}).get("disabled")
    }
    assert free >= _EVERYBODYS
    assert not free & {"score", "feedback", "models", "score-too-large", "feedback-too-large"}


def test_who_is_asked_for_no_token_pays_for_none() -> None:
    """Without `access.required` nothing of it is in Envoy's configuration."""
    settings = Settings()
    assert tokens.filters(settings) == []
    assert _JWT not in str(_host(settings, "to-go"))


def test_revoked_tokens_are_named_on_all_routes() -> None:
    """By their ids, and not at all where there is none."""
    settings = Settings(access_required=True)
    assert "to-go" in str(_host(settings, "to-go", "this-too")["typed_per_filter_config"])
    assert "cuelight.revoked" not in str(_host(settings))


def test_nobody_listens_elsewhere_without_tokens(tmp_path: Path) -> None:
    """Before anything is started or written."""
    with pytest.raises(Misconfigured, match=r"gateway\.host is 0\.0\.0\.0.*CUELIGHT_ACCESS_REQUIRED"):
        gateway.serve(Settings(home=tmp_path / "home", gateway_host="0.0.0.0"))
    assert not (tmp_path / "home").exists()
