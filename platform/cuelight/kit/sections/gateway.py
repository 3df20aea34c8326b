"""Sections `[gateway]` and `[board]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import section, setting


@section
class Gateway:
    """The one entry, and the board behind it."""

    gateway_host: str = setting("127.0.0.1", "address", "Address the gateway binds to.")
    gateway_port: int = setting(8080, "port", "Port of the gateway: the one entry; 0: `cuelight up` runs none.")
    gateway_admin_port: int = setting(
        8081, "port", "Port on loopback for the gateway's own pages: /metrics, /clusters, /ready."
    )
    gateway_public_url: str = setting(
        "", "URL", "The gateway's address as people elsewhere open it, for links; empty: as on this machine."
    )
    gateway_threads: int = setting(2, "threads", "Envoy's worker threads.")
    gateway_balance: str = setting(
        "round-robin",
        "mode",
        "How requests are shared: round-robin, least-request, weighted or locality.",
        choices=("round-robin", "least-request", "weighted", "locality"),
    )
    gateway_weights: str = setting(
        "",
        "list",
        "Weights by replica, such as replica-1=2,replica-2=1; of others: home/replicas.json's, else their cores.",
    )
    gateway_zone: str = setting("", "zone", "Zone of this gateway, for balancing by locality.")
    gateway_health_seconds: float = setting(
        1.0, "s", "How often each replica is asked whether it is ready; two failures in a row take it out."
    )
    gateway_slow_start_seconds: float = setting(
        10.0, "s", "A replica that has just come gets its share bit by bit over this time; 0: at once."
    )
    gateway_hedge_seconds: float = setting(
        3.0, "s", "A scoring request without an answer for so long is asked of another replica as well; 0: never."
    )
    gateway_retry_percent: float = setting(
        25.0, "%", "Of the requests in flight, so many at most are retries; a few always may be."
    )
    gateway_tls: str = setting(
        "off",
        "mode",
        "Encryption to callers: off, files (a certificate of yours), or self-signed, for trying out.",
        choices=("off", "files", "self-signed"),
    )
    gateway_certificate: str = setting("", "file", "Certificate chain as PEM, the gateway's own first, for `files`.")
    gateway_key: str = setting("", "file", "The certificate's private key as PEM, for `files`.")
    gateway_caller_rate: float = setting(
        0.0, "requests/s", "Requests that one caller may make, by the token's subject, else by address; 0: no limit."
    )
    gateway_caller_burst: int = setting(100, "requests", "Requests that one caller may make at once.")
    gateway_model_rate: float = setting(
        0.0, "requests/s", "Scoring requests that one model may get, from all callers together; 0: no limit."
    )
    gateway_model_burst: int = setting(200, "requests", "Scoring requests that one model may get at once.")
    gateway_memory_bytes: int = setting(
        512 << 20, "bytes", "Memory of the gateway for connections and bodies on their way; near it, callers hear 503."
    )
    gateway_connections: int = setting(
        4096, "connections", "Connections that the gateway has at once; more are closed as they come."
    )
    gateway_header_seconds: float = setting(
        10.0, "s", "How long a request's headers may take to come, and a TLS handshake."
    )
    gateway_body_seconds: float = setting(60.0, "s", "How long a request may take to come whole.")
    gateway_idle_seconds: float = setting(
        300.0, "s", "A connection on which nothing happens is closed, and a request on which nothing moves given up."
    )

    board_port: int = setting(8082, "port", "Port on loopback for the board, a page for people; 0: there is none.")
