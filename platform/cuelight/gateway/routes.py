"""Which requests are let in, and where they go: an allow-list of paths and methods; all else is 404."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cuelight.access.permissions import Scope
from cuelight.gateway import bodies, console, patience, rates, retries, tokens
from cuelight.gateway.headers import ADDED, STRIPPED
from cuelight.gateway.messages import Message, typed
from cuelight.kit.settings import Settings

NAME = "entry"
SERVING = "serving"  # the cluster of serving hosts
_PART = r"[^/?#;]+"
_MODEL = rf"/models/{_PART}"
_READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Rule:
    """Requests that are let in: a name for logs, the methods, and a regular expression of the whole path.

    `upstream` is the cluster that answers. `retried`: once more where no answer came, since it may safely run twice.
    `limited`: counts for its caller. `scope`: what a token must have where tokens are asked for, none means any token;
    `free`: it takes none.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    upstream: str = SERVING
    retried: bool = False
    limited: bool = True
    scope: Scope | None = None
    free: bool = False


SERVED = (
    Rule(
        "score",
        ("POST",),
        rf"(?:{_MODEL}(?:/(?:stages|aliases|versions)/{_PART})?)?/invocations",
        retried=True,
        scope=Scope.SCORE,
    ),
    Rule("score", ("POST",), rf"/v2{_MODEL}(?:/versions/{_PART})?/infer", retried=True, scope=Scope.SCORE),
    Rule("feedback", ("POST",), rf"{_MODEL}/feedback", scope=Scope.FEEDBACK),
    Rule("models", _READ, rf"/models(?:/{_PART}(?:/openapi\.json)?)?|/openapi\.json"),
    Rule("inference", _READ, rf"/v2{_MODEL}(?:/versions/{_PART})?(?:/ready)?"),
    Rule("inference", ("POST",), "/v2/repository/index"),
    Rule("inference", _READ, "/v2(?:/health/(?:live|ready))?", free=True),
    Rule("health", _READ, "/(?:ping|health|livez|readyz|version)", limited=False, free=True),
)


def configuration(settings: Settings, revoked: Collection[str] = (), several: bool = False) -> Message:
    """The route configuration.

    Args:
        revoked: the ids of tokens that count no more.
        several: more than one host takes requests.
    """
    nothing = {**_NOTHING, "typed_per_filter_config": tokens.asked(settings, None, free=True)}
    entry = {
        "name": NAME,
        "domains": ["*"],
        "routes": [
            *(each for rule in SERVED for each in _routes(rule, settings, several)),
            *console.routes(settings),
            nothing,
        ],
        "request_headers_to_add": ADDED,
        "request_headers_to_remove": STRIPPED,
        "include_request_attempt_count": True,
        "typed_per_filter_config": tokens.everywhere(settings, revoked),
    }
    return typed("envoy.config.route.v3.RouteConfiguration", name=NAME, virtual_hosts=[entry])


_NOTHING: Message = {"name": "nothing", "match": {"prefix": "/"}, "direct_response": {"status": 404}}


def _routes(rule: Rule, settings: Settings, several: bool) -> list[Message]:
    """The rule's own route; before it, where serving is sent a body, one that refuses it by its length alone."""
    methods = {"safe_regex": {"regex": "|".join(rule.methods)}}
    match = {"safe_regex": {"regex": rule.path}, "headers": [{"name": ":method", "string_match": methods}]}
    action: Message = {"cluster": rule.upstream, "timeout": patience.longest(settings)}
    if rule.retried:
        action |= retries.once_more(settings, several)
    asked = tokens.asked(settings, rule.scope, rule.free)
    route: Message = {"name": rule.name, "match": match, "route": action, "typed_per_filter_config": asked}
    if rule.upstream != SERVING or not rule.limited:
        return [route]
    action["rate_limits"] = rates.counted(settings, scores=rule.retried)
    if "POST" not in rule.methods:
        return [route]
    beyond = {**match, "headers": [*match["headers"], bodies.too_large(settings)]}
    refused = {**route, "name": f"{rule.name}-too-large", "match": beyond, "direct_response": {"status": 413}}
    del refused["route"]
    return [refused, {**route, "typed_per_filter_config": asked | bodies.held(settings)}]
