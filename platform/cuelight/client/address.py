"""Where callers find Cuelight: on this machine by its settings, elsewhere by a target of `mlflow.deployments`."""

from __future__ import annotations

from urllib.parse import urlsplit

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.kit.settings import Settings

SCHEMES = {"cuelight": "http", "cuelights": "https"}
USUAL_PORT = Settings.gateway_port


def of_target(target: str, settings: Settings) -> str:
    """The URL of `cuelight://HOST:PORT`, of `cuelights://…` for TLS, or of plain `cuelight`: this machine's.

    Without a port it is the gateway's usual one. A path is kept: a proxy may need it.

    Raises:
        BadInput: the target is none of these; the message says what it should be.
    """
    if target == "cuelight":
        return near_url(settings)
    try:
        parts = urlsplit(target)
        port = parts.port or USUAL_PORT
    except ValueError as error:
        raise BadInput(f"{target!r} is no target: {error}.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise BadInput(f"{target!r} is no target: write cuelight://HOST:PORT, or cuelights://HOST:PORT for TLS.")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput("A target is HOST:PORT, and may have a path. A token is set by CUELIGHT_ACCESS_TOKEN.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{SCHEMES[parts.scheme]}://{host}:{port}{parts.path.rstrip('/')}"


def serving_url(settings: Settings) -> str:
    """Where the scoring server listens, as a client on this machine writes it."""
    return _url(settings.serving_host, settings.serving_port)


def gateway_url(settings: Settings) -> str:
    """Where callers come in, as a client on this machine writes it: the gateway, or serving if there is none."""
    if not settings.gateway_port:
        return serving_url(settings)
    url = _url(settings.gateway_host, settings.gateway_port)
    return url if settings.gateway_tls == "off" else url.replace("http:", "https:", 1)


def near_url(settings: Settings) -> str:
    """Where our own programs on this machine call: serving itself where the gateway's certificate has other names."""
    return gateway_url(settings) if settings.gateway_tls == "off" else serving_url(settings)


def public_url(settings: Settings) -> str:
    """Where people come in, wherever they are: `gateway.public_url`, else what a client on this machine writes.

    Raises:
        Misconfigured: that is no URL.
    """
    if not settings.gateway_public_url:
        return gateway_url(settings)
    parts = urlsplit(settings.gateway_public_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(
            f"gateway.public_url takes a URL such as https://models.example.com, not {settings.gateway_public_url!r}."
        )
    return settings.gateway_public_url.rstrip("/")


def mlflow_url(settings: Settings) -> str:
    """Where people open MLflow's pages, for links: behind the gateway where it leads there, else MLflow's own address.

    Raises:
        Misconfigured: `gateway.public_url` is no URL.
    """
    behind = settings.gateway_port and settings.board_port and not settings.registry_uri
    return f"{public_url(settings)}/mlflow" if behind else settings.tracking_uri.rstrip("/")


def _url(address: str, port: int) -> str:
    host = "127.0.0.1" if address in ("", "0.0.0.0") else address  # noqa: S104  compared
    return f"http://{host}:{port}"
