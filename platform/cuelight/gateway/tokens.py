"""Who is let in: Envoy checks tokens by the public keys, before it does anything else. Serving checks them again.

Keys and revocations change while it runs: the keys are in a file of their own (Envoy's extension discovery), what is
revoked is part of the routes. The token itself is passed on; what it says is where Envoy's other parts find it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cuelight.access import keys
from cuelight.access.credentials import COOKIE
from cuelight.access.permissions import Scope
from cuelight.access.tokens import AUDIENCE, ISSUER, LEEWAY_SECONDS
from cuelight.gateway.messages import Message, by_file, extension, typed
from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings

_HTTP = "envoy.extensions.filters.http"
_JWT, _JWT_KIND = "envoy.filters.http.jwt_authn", f"{_HTTP}.jwt_authn.v3"
_REVOKED, _SCOPE, _RBAC_KIND = "cuelight.revoked", "cuelight.scope", f"{_HTTP}.rbac.v3"
_TOKEN = "token"  # noqa: S105  where Envoy notes down what a token says
_POLICY = "revoked-token"
WAS_REVOKED = f"response.code_details == 'rbac_access_denied_matched_policy[{_POLICY}]'"  # in Envoy's CEL


def filters(settings: Settings) -> list[Message]:
    """What each request passes through first: its token, whether that was revoked, and what it allows."""
    if not settings.access_required:
        return []
    source = by_file(Places(settings.gateway_folder).keys)
    discovery = {"config_source": source, "type_urls": [f"type.googleapis.com/{_JWT_KIND}.JwtAuthentication"]}
    rules = [extension(name, f"{_RBAC_KIND}.RBAC") for name in (_REVOKED, _SCOPE)]
    return [{"name": _JWT, "config_discovery": discovery}, *rules]


def checks(known: Mapping[str, Ed25519PublicKey]) -> Message:
    """The filter that checks tokens by these keys; which requests need one is said by the routes."""
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": keys.write(known).decode()},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "from_cookies": [COOKIE],
        "forward": True,
        "payload_in_metadata": _TOKEN,
        "clock_skew_seconds": LEEWAY_SECONDS,
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }
    kind = f"{_JWT_KIND}.JwtAuthentication"
    checked = typed(kind, providers={_TOKEN: provider}, requirement_map={_TOKEN: {"provider_name": _TOKEN}})
    return typed("envoy.config.core.v3.TypedExtensionConfig", name=_JWT, typed_config=checked)


def everywhere(settings: Settings, revoked: Collection[str]) -> Message:
    """What holds on every route that does not say otherwise: a token, and one that is not revoked."""
    if not settings.access_required:
        return {}
    needed = {_JWT: typed(f"{_JWT_KIND}.PerRouteConfig", requirement_name=_TOKEN)}
    return needed | (_rules(_REVOKED, "DENY", _POLICY, _says("jti", sorted(revoked))) if revoked else {})


def asked(settings: Settings, scope: Scope | None, free: bool) -> Message:
    """For a route: a token with this scope, or an admin's; without a scope any token; none where it is `free`."""
    if not settings.access_required:
        return {}
    if free:
        return {_JWT: typed(f"{_JWT_KIND}.PerRouteConfig", disabled=True)}
    if scope is None:
        return {}
    return _rules(_SCOPE, "ALLOW", scope.value, [_has("scopes", each.value) for each in (scope, Scope.ADMIN)])


def _rules(name: str, action: str, policy: str, found: list[Message]) -> Message:
    policies = {policy: {"permissions": found, "principals": [{"any": True}]}}
    return {name: typed(f"{_RBAC_KIND}.RBACPerRoute", rbac={"rules": {"action": action, "policies": policies}})}


def _says(claim: str, values: list[str]) -> list[Message]:
    return [_claim(claim, {"string_match": {"exact": value}}) for value in values]


def _has(claim: str, value: str) -> Message:
    return _claim(claim, {"list_match": {"one_of": {"string_match": {"exact": value}}}})


def _claim(claim: str, value: Message) -> Message:
    matcher = {"filter": _JWT, "path": [{"key": _TOKEN}, {"key": claim}], "value": value}
    return {"sourced_metadata": {"metadata_matcher": matcher}}
