"""TLS to callers: Envoy reads certificate and key from a file of its own, and follows that while it runs."""

from __future__ import annotations

from cuelight.gateway.messages import Message, by_file, extension, seconds, typed
from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings

OFF, FILES, SELF_SIGNED = "off", "files", "self-signed"
_TLS = "envoy.extensions.transport_sockets.tls.v3"
_CERTIFICATE = "entry"  # its name in that file
_LEAST = "TLSv1_2"


def transport(settings: Settings) -> Message:
    """What of a listener's filter chain makes it speak TLS; HTTP/2 to those who can. Nothing where TLS is off."""
    if settings.gateway_tls == OFF:
        return {}
    source = by_file(Places(settings.gateway_folder).certificate)
    common = {
        "tls_params": {"tls_minimum_protocol_version": _LEAST},
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [{"name": _CERTIFICATE, "sds_config": source}],
    }
    kind = f"{_TLS}.DownstreamTlsContext"
    return {
        "transport_socket": extension("envoy.transport_sockets.tls", kind, common_tls_context=common),
        "transport_socket_connect_timeout": seconds(settings.gateway_header_seconds),  # for the handshake
    }


def secret(chain: bytes, key: bytes) -> Message:
    """A certificate chain and its private key, both as PEM, in one message: never one of them without the other."""
    pair = {"certificate_chain": {"inline_string": chain.decode()}, "private_key": {"inline_string": key.decode()}}
    return typed(f"{_TLS}.Secret", name=_CERTIFICATE, tls_certificate=pair)
