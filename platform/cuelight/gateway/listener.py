"""The one entry: what listens, and what each request passes through."""

from __future__ import annotations

from cuelight.gateway import access_log, answers, bodies, console, encryption, headers, patience, rates, routes, tokens
from cuelight.gateway.messages import Message, address, by_file, extension, seconds
from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings

_HTTP = "envoy.extensions.filters.http"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

# HTTP/2 on one connection: so many requests at once, and so much of their bodies on its way, in bytes.
_STREAMS: Message = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 1 << 18,
    "initial_connection_window_size": 1 << 20,
}


def entry(settings: Settings) -> Message:
    """The listener that callers connect to."""
    chain = {"filters": [manager("entry", **_entry(settings))], **encryption.transport(settings)}
    where = address(settings.gateway_host, settings.gateway_port)
    return {"name": "entry", "address": where, "filter_chains": [chain]}


def manager(name: str, **fields: object) -> Message:
    """What speaks HTTP on a listener's connections."""
    return extension("envoy.filters.network.http_connection_manager", _MANAGER, stat_prefix=name, **fields)


def _entry(settings: Settings) -> Message:
    places = Places(settings.gateway_folder)
    return {
        "rds": {"route_config_name": routes.NAME, "config_source": by_file(places.routes)},
        "http_filters": filters(settings),
        "access_log": [access_log.to_file(places.access_log)],
        "local_reply_config": answers.local_replies(settings),
        # Callers come from outside: what they say of themselves in Envoy's own headers is dropped.
        "use_remote_address": True,
        "preserve_external_request_id": True,
        "normalize_path": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "DROP_HEADER",
            "max_headers_count": bodies.HEADER_COUNT,
            "idle_timeout": seconds(settings.gateway_idle_seconds),
        },
        "http2_protocol_options": _STREAMS,
        **bodies.HEADERS,
        **patience.connections(settings),
        "server_header_transformation": "PASS_THROUGH",
    }


def filters(settings: Settings) -> list[Message]:
    """What each request passes through, in this order; the last one sends it on its way."""
    notes = [*tokens.filters(settings), _notes(settings)]
    return [*notes, *rates.filters(settings), *console.gate(settings), bodies.whole(settings), router()]


def _notes(settings: Settings) -> Message:
    """What the gateway finds out about a request, as headers for its own parts, in place of what callers say."""
    forged = [*headers.IDENTITIES, *filter(None, [settings.mlflow_user_header.lower()])]
    found = [headers.WHO, patience.deadline(settings)]
    mutations = {"request_mutations": [*({"remove": each} for each in forged), *({"append": each} for each in found)]}
    kind = f"{_HTTP}.header_mutation.v3.HeaderMutation"
    return extension("envoy.filters.http.header_mutation", kind, mutations=mutations)


def router() -> Message:
    """What sends a request upstream."""
    return extension("envoy.filters.http.router", f"{_HTTP}.router.v3.Router", suppress_envoy_headers=True)
