"""What people open in a browser: the board at `/`, and MLflow's own pages and API under `/mlflow/`.

MLflow's pages ask by relative paths, so they work under any: the gateway takes `/mlflow` away again. Where callers need
tokens, the board's `/gate` is asked about each request for MLflow first; it knows tokens, and sends people who have
none to the login page. The gateway then logs in at MLflow with the password that only Cuelight's programs have.
"""

from __future__ import annotations

from cuelight.gateway import tokens
from cuelight.gateway.headers import put
from cuelight.gateway.messages import Message, address, extension, typed
from cuelight.kit.settings import Settings
from cuelight.registry.login import is_guarded, login
from cuelight.registry.server_process import USER_HEADER

BOARD, MLFLOW = "board", "mlflow"
GATE = "/gate"
_LOOPBACK = "127.0.0.1"
_READ, _PAGES = ("GET", "HEAD"), r"/(?:login|static/[^/?#;]+|board/[^?#;]+)?"
_FORMS = "/(?:login|logout|board/[^?#;]+)"
_FILTER = "envoy.filters.http.ext_authz"
_KIND = "envoy.extensions.filters.http.ext_authz.v3"
_SEEN = ("cookie", "origin", "sec-fetch-site", "sec-fetch-dest")  # beside what is always passed on to the gate


def routes(settings: Settings) -> list[Message]:
    """The routes to both; none without the board."""
    if not settings.board_port:
        return []
    pages, forms = _board(settings, "board", _READ, _PAGES), _board(settings, "login", ("POST",), _FORMS)
    return [pages, forms, *(_mlflow(settings) if not settings.registry_uri else [])]


def clusters(settings: Settings) -> list[Message]:
    """Where these are; both are on this machine."""
    if not settings.board_port:
        return []
    board = _cluster(BOARD, settings.board_port)
    return [board] if settings.registry_uri else [board, _cluster(MLFLOW, settings.mlflow_port)]


def gate(settings: Settings) -> list[Message]:
    """The filter that asks the board; routes switch it on by `_ASKED`."""
    if not (settings.board_port and settings.access_required):
        return []
    service = {
        "server_uri": {"uri": f"http://{_LOOPBACK}", "cluster": BOARD, "timeout": "5s"},
        "path_prefix": GATE,
        "authorization_response": {"allowed_upstream_headers": _named(USER_HEADER)},
    }
    asks = extension(
        _FILTER,
        f"{_KIND}.ExtAuthz",
        http_service=service,
        allowed_headers=_named(*_SEEN),
        status_on_error={"code": "ServiceUnavailable"},
    )
    return [{**asks, "disabled": True}]


_ASKED: Message = {_FILTER: typed(f"{_KIND}.ExtAuthzPerRoute", check_settings={})}


def _free(settings: Settings) -> Message:
    """The board itself looks at tokens: people without one are led to the login page, where Envoy would say 401."""
    return tokens.asked(settings, None, free=True)


def _named(*names: str) -> Message:
    return {"patterns": [{"exact": name} for name in names]}


def _board(settings: Settings, name: str, methods: tuple[str, ...], path: str) -> Message:
    methods_match = {"safe_regex": {"regex": "|".join(methods)}}
    match = {"safe_regex": {"regex": path}, "headers": [{"name": ":method", "string_match": methods_match}]}
    action = {"cluster": BOARD, "timeout": "15s"}
    return {"name": name, "match": match, "route": action, "typed_per_filter_config": _free(settings)}


def _mlflow(settings: Settings) -> list[Message]:
    # No limit of time: artifacts are large. What stands still is given up by gateway.idle_seconds.
    action: Message = {"cluster": MLFLOW, "prefix_rewrite": "/", "timeout": "0s"}
    pages: Message = {"name": "mlflow", "match": {"prefix": "/mlflow/"}, "route": action}
    entry: Message = {"name": "mlflow", "match": {"path": "/mlflow"}, "redirect": {"path_redirect": "/mlflow/"}}
    entry["typed_per_filter_config"] = _free(settings)
    if not settings.access_required:  # then only this machine gets here, and MLflow itself looks at Host and Origin
        return [entry, pages]
    action["host_rewrite_literal"] = f"{_LOOPBACK}:{settings.mlflow_port}"
    pages["typed_per_filter_config"] = _free(settings) | _ASKED
    pages["request_headers_to_remove"] = ["cookie", "origin"]  # the gate has seen them; MLflow knows its own address
    if is_guarded(settings):
        pages["request_headers_to_add"] = [put(*each) for each in login(settings).headers.items()]
    return [entry, pages]


def _cluster(name: str, port: int) -> Message:
    members = {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(_LOOPBACK, port)}}]}],
    }
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": members}
