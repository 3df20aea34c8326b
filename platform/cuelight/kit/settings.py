"""Every setting, in one table; `configuration` reads them.

A setting `serving_port` is `port` under `[serving]` in `cuelight.toml`, `CUELIGHT_SERVING_PORT` in the
environment and `--serving-port` on the command line; the later of these wins. `[pipelines]` in the file
maps a model's name to a pipeline object; `[models.NAME.monitoring]` and `[models.NAME.retrain]` hold what
is otherwise for one model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

TABLES = ("pipelines", "models")
BY_MODEL = ("monitoring", "retrain")  # sections that a model may have of its own
FIRST_REPLICA = "replica-1"
_HOME = Path(".cuelight")
PREFIX = "CUELIGHT_"
CHOICES = {
    "log_level": ("debug", "info", "warning", "error"),
    "journal_sync": ("none", "interval", "each"),
    "journal_pii": ("drop", "mask", "hash"),
    "retrain_rows": ("all", "recent", "weighted"),
    "monitoring_against": ("reference", "previous", "weekday"),
    "monitoring_cycle": ("none", "daily", "weekly"),
    "gateway_tls": ("off", "files", "self-signed"),
    "gateway_balance": ("round-robin", "least-request", "weighted", "locality"),
    "alerts_webhook_style": ("generic", "slack"),
    "alerts_smtp_security": ("starttls", "tls", "none"),
}
_HIDDEN = "secret"  # the unit of what is never shown


def _setting(default: Any, unit: str, text: str) -> Any:
    return field(default=default, metadata={"unit": unit, "help": text})


@dataclass(frozen=True)
class Settings:
    """All settings of one installation; immutable, made by `read`."""

    home: Path = _setting(_HOME, "folder", "Where all data of this installation lives.")  # noqa: RUF009  immutable
    host_name: str = _setting("local", "name", "This host's name in the journal and in the history.")
    log_level: str = _setting("info", "level", "Least level that is logged: debug, info, warning or error.")

    registry_uri: str = _setting("", "URL", "An existing MLflow server; empty: `cuelight up` runs one.")
    registry_user: str = _setting("", "name", "User for MLflow's basic authentication; empty: none.")
    registry_password: str = _setting("", _HIDDEN, "Password for MLflow's basic authentication.")
    registry_poll_seconds: float = _setting(1.0, "s", "How often the follower reads the registry.")
    registry_connect_timeout: float = _setting(2.0, "s", "How long a connection to the registry may take.")
    registry_read_timeout: float = _setting(10.0, "s", "How long one answer of the registry may take in all.")
    registry_artifact_roots: str = _setting(
        "mlflow-artifacts:", "URI prefixes", "Artifact stores that versions may come from, comma-separated."
    )

    mlflow_host: str = _setting("127.0.0.1", "address", "Address that the MLflow server binds to.")
    mlflow_port: int = _setting(5000, "port", "Port of the MLflow server that `cuelight up` runs.")
    mlflow_artifacts: str = _setting(
        "", "URL", "Where that server keeps artifacts, such as s3://bucket/prefix; empty: the home folder."
    )
    mlflow_app: str = _setting(
        "", "name", "App that `mlflow server --app-name cuelight` wraps, such as basic-auth; empty: MLflow's own."
    )
    mlflow_user_header: str = _setting(
        "", "header", "Header by which a proxy, which nobody gets past, tells that app the user; empty: none does."
    )
    mlflow_edits: str = _setting(
        "", "file", "Where that app keeps who edited models; empty: cuelight-edits.db in the server's working folder."
    )

    track_production: str = _setting("champion,production", "aliases", "Aliases that mean Production.")
    track_staging: str = _setting("challenger,staging", "aliases", "Aliases that mean Staging.")

    serving_host: str = _setting("127.0.0.1", "address", "Address the scoring server binds to.")
    serving_port: int = _setting(8000, "port", "Port of the scoring server.")
    serving_address: str = _setting(
        "",
        "address",
        "Where gateways on other machines reach this host; empty: serving.host, or the address that leads to MLflow.",
    )
    serving_zone: str = _setting("", "zone", "Zone of this host, for balancing by locality.")
    serving_replicas: int = _setting(
        1, "hosts", "Serving hosts that `cuelight up` begins with, on ports from serving.port on."
    )
    serving_replica: str = _setting(
        "", "name", "Which of them a program belongs to, which `cuelight up` sets; empty: the first, replica-1."
    )
    serving_workers: int = _setting(2, "processes", "Scoring workers.")
    serving_threads: int = _setting(8, "threads", "Request threads per worker.")
    serving_default_model: str = _setting("", "model", "Model behind `POST /invocations`; empty: the only one.")
    serving_max_body_bytes: int = _setting(16 << 20, "bytes", "Largest request body.")
    serving_max_expanded_bytes: int = _setting(
        64 << 20, "bytes", "Largest request body or table once it is expanded, where it came compressed."
    )
    serving_max_rows: int = _setting(100_000, "rows", "Most rows in one request.")
    serving_timeout_seconds: float = _setting(30.0, "s", "Longest that a request may take; callers may ask for less.")
    serving_max_wait_seconds: float = _setting(
        1.0, "s", "A request that would wait longer than this for a busy version is refused with 503."
    )
    serving_prepare_seconds: float = _setting(30.0, "s", "A worker silent for so long in a switch is replaced.")
    serving_bake_seconds: float = _setting(600.0, "s", "How long the previous Production version stays loaded.")
    serving_compile: bool = _setting(True, "flag", "Predict in a quicker way where the trial proved it equal.")
    serving_cache_bytes: int = _setting(
        512 << 20, "bytes", "Memory for versions on no track, loaded when they are asked for; 0: they are not."
    )
    serving_load_wait_seconds: float = _setting(
        10.0, "s", "How long a request waits for such a version to be fetched and loaded; then it has 503."
    )
    serving_store_bytes: int = _setting(10 << 30, "bytes", "Budget of the model store on disk.")

    access_required: bool = _setting(
        False, "flag", "Let in callers with a token only; must be on where other machines can connect."
    )
    access_folder: str = _setting(
        "",
        "folder",
        "What tokens are checked by: public keys, and which are revoked; empty: `access` in the home folder.",
    )
    access_token: str = _setting(
        "", _HIDDEN, "Token that this command line sends; empty: one of its own, where the signing key is here."
    )

    client_ca_file: str = _setting(
        "", "file", "PEM of those who vouch for Cuelight's certificate, for its client in MLflow; empty: the machine's."
    )

    rollback_auto: bool = _setting(True, "flag", "Roll a version back that does worse while it bakes or is a canary.")
    rollback_false_alarms: float = _setting(
        0.01, "share", "Of the bakes of versions that are no worse, at most this share ends in a rollback."
    )
    rollback_least: int = _setting(10, "requests", "Answers that it takes to call a version worse.")
    rollback_enough: int = _setting(100, "requests", "Answers that it takes to call a version fine, of each arm.")
    rollback_tolerated_percent: float = _setting(
        1.0, "%", "Up to this share of its answers, bad ones are no reason to roll a version back."
    )
    rollback_move_stage: bool = _setting(False, "flag", "After a rollback by itself, move the stage back in MLflow.")

    gateway_host: str = _setting("127.0.0.1", "address", "Address the gateway binds to.")
    gateway_port: int = _setting(8080, "port", "Port of the gateway: the one entry; 0: `cuelight up` runs none.")
    gateway_admin_port: int = _setting(
        8081, "port", "Port on loopback for the gateway's own pages: /metrics, /clusters, /ready."
    )
    gateway_public_url: str = _setting(
        "", "URL", "The gateway's address as people elsewhere open it, for links; empty: as on this machine."
    )
    gateway_threads: int = _setting(2, "threads", "Envoy's worker threads.")
    gateway_balance: str = _setting(
        "round-robin", "mode", "How requests are shared: round-robin, least-request, weighted or locality."
    )
    gateway_weights: str = _setting(
        "",
        "list",
        "Weights by replica, such as replica-1=2,replica-2=1; of others: home/replicas.json's, else their cores.",
    )
    gateway_zone: str = _setting("", "zone", "Zone of this gateway, for balancing by locality.")
    gateway_health_seconds: float = _setting(
        1.0, "s", "How often each replica is asked whether it is ready; two failures in a row take it out."
    )
    gateway_slow_start_seconds: float = _setting(
        10.0, "s", "A replica that has just come gets its share bit by bit over this time; 0: at once."
    )
    gateway_hedge_seconds: float = _setting(
        3.0, "s", "A scoring request without an answer for so long is asked of another replica as well; 0: never."
    )
    gateway_retry_percent: float = _setting(
        25.0, "%", "Of the requests in flight, so many at most are retries; a few always may be."
    )
    gateway_tls: str = _setting(
        "off", "mode", "Encryption to callers: off, files (a certificate of yours), or self-signed, for trying out."
    )
    gateway_certificate: str = _setting("", "file", "Certificate chain as PEM, the gateway's own first, for `files`.")
    gateway_key: str = _setting("", "file", "The certificate's private key as PEM, for `files`.")
    gateway_caller_rate: float = _setting(
        0.0, "requests/s", "Requests that one caller may make, by the token's subject, else by address; 0: no limit."
    )
    gateway_caller_burst: int = _setting(100, "requests", "Requests that one caller may make at once.")
    gateway_model_rate: float = _setting(
        0.0, "requests/s", "Scoring requests that one model may get, from all callers together; 0: no limit."
    )
    gateway_model_burst: int = _setting(200, "requests", "Scoring requests that one model may get at once.")
    gateway_memory_bytes: int = _setting(
        512 << 20, "bytes", "Memory of the gateway for connections and bodies on their way; near it, callers hear 503."
    )
    gateway_connections: int = _setting(
        4096, "connections", "Connections that the gateway has at once; more are closed as they come."
    )
    gateway_header_seconds: float = _setting(
        10.0, "s", "How long a request's headers may take to come, and a TLS handshake."
    )
    gateway_body_seconds: float = _setting(60.0, "s", "How long a request may take to come whole.")
    gateway_idle_seconds: float = _setting(
        300.0, "s", "A connection on which nothing happens is closed, and a request on which nothing moves given up."
    )

    board_port: int = _setting(8082, "port", "Port on loopback for the board, a page for people; 0: there is none.")

    trial_seconds: float = _setting(60.0, "s", "Time a version has to load and predict before it is refused.")
    trial_memory_bytes: int = _setting(8 << 30, "bytes", "Address space a version may use in its trial.")

    trial_requirements: bool = _setting(True, "flag", "Refuse a version whose requirements this environment lacks.")

    trust_unsigned: bool = _setting(
        False, "flag", "Load unsigned pickles and code. Anyone who can register, runs code."
    )

    journal_record: bool = _setting(True, "flag", "Record what is asked and answered: drift is judged on it.")
    journal_segment_bytes: int = _setting(64 << 20, "bytes", "A journal segment is closed at this size.")
    journal_segment_seconds: float = _setting(5.0, "s", "A journal segment is closed at this age.")
    journal_sync: str = _setting("interval", "mode", "When the journal is synced to disk: none, interval or each.")
    journal_pii: str = _setting(
        "drop", "mode", "What is written instead of personal values (tag cuelight.pii): drop (nothing), mask or hash."
    )
    journal_compact_seconds: float = _setting(5.0, "s", "How often closed segments are turned into Parquet.")
    journal_retention_days: float = _setting(90.0, "days", "Compacted rows older than this are deleted.")
    journal_retention_bytes: int = _setting(
        0, "bytes", "While the compacted journal is larger, its oldest days are deleted; 0: by age alone."
    )

    journal_archive: str = _setting(
        "", "URL", "Object store that ended days of the journal go to, s3://bucket/prefix, or a folder; empty: none."
    )
    journal_local_days: float = _setting(
        7.0, "days", "With an archive: days that are in it, and ended longer ago, are deleted here."
    )
    journal_local_bytes: int = _setting(
        0, "bytes", "With an archive: while the journal here is larger, its oldest files are deleted here; 0: any size."
    )

    telemetry_traces: str = _setting(
        "",
        "URL",
        "Where traces go by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; empty: there are none.",
    )
    telemetry_sample: float = _setting(
        1.0, "share", "Of the requests whose caller does not say whether they are traced, so many are."
    )

    database_url: str = _setting(
        "", "URL", "PostgreSQL for MLflow's database and the operations database; empty: SQLite in the home folder."
    )

    hosts_heartbeat_seconds: float = _setting(
        2.0, "s", "How often a serving host writes to the operations database that it is there, and reads who else is."
    )
    hosts_silent_seconds: float = _setting(
        15.0, "s", "A host without a sign of life for so long is silent: another may lead, and waves go on without it."
    )
    hosts_catch_up_seconds: float = _setting(
        30.0, "s", "With database.url, a host that starts is ready once it has read the registry, or after so long."
    )
    hosts_wave_seconds: float = _setting(
        30.0, "s", "In a wave (tag cuelight.wave) a host serves the new version for so long before the next one does."
    )

    monitoring_schedule: str = _setting("*/10 * * * *", "cron", "When each model's drift is judged (UTC); off: never.")
    monitoring_jitter_seconds: float = _setting(
        0.0, "s", "Each turn comes up to so much later, by model and host, so that not all start at once."
    )
    monitoring_window: str = _setting(
        "2000 rows", "window", "What is judged: the newest rows, or time such as 1d; `1d tumbling`: no two overlap."
    )
    monitoring_against: str = _setting(
        "reference",
        "name",
        "What it is compared with: reference, previous (the window before), or weekday (the same).",
    )
    monitoring_by: str = _setting(
        "", "column", "Input whose values are segments, each judged by itself as well, such as region; empty: none."
    )
    monitoring_min_rows: int = _setting(500, "rows", "Fewer rows than this are not judged.")
    monitoring_most_rows: int = _setting(
        1_000_000, "rows", "Of a window with more rows, about so many are judged, chosen by a hash of their ids."
    )
    monitoring_q: float = _setting(0.03, "share", "False-discovery rate of the per-column tests.")
    monitoring_z: float = _setting(3.0, "sigma", "Calibrated score above which a column has drifted.")
    monitoring_group: str = _setting(
        "", "column", "Rows of one value of it belong together, such as a person's; empty: as the pipeline says."
    )
    monitoring_cycle: str = _setting(
        "none", "name", "Compare with rows of the same hours: of the day (daily), of the week (weekly), or none."
    )
    monitoring_plot_rows: int = _setting(10_000, "rows", "Rows that Evidently's plots are drawn on.")

    retrain_auto: bool = _setting(True, "flag", "Let a verdict ask for retraining.")
    retrain_schedule: str = _setting("", "cron", "When a retraining is asked for, whatever the verdict; empty: never.")
    retrain_every_labels: int = _setting(
        0, "rows", "Ask for one whenever so many new labelled rows have come since the last; 0: never."
    )
    retrain_most_a_day: int = _setting(
        4, "requests", "Most retrainings of a model that are asked for in a day, but by people; 0: no limit."
    )
    retrain_cooldown_seconds: float = _setting(
        3600.0, "s", "From the end of a retraining until another is asked for; doubled by each failure."
    )
    retrain_patience_days: float = _setting(
        3.0, "d", "No other is asked for, but by people, while a challenger has waited in Staging for less; 0: it is."
    )
    retrain_lease_seconds: float = _setting(120.0, "s", "A retraining that is silent for so long is taken over.")
    retrain_seconds: float = _setting(21_600.0, "s", "The scheduler ends a retraining that takes longer.")
    retrain_min_labels: int = _setting(500, "rows", "Fresh labelled rows a retraining needs.")
    retrain_rows: str = _setting(
        "all", "policy", "Rows that are fitted on: all, the recent ones, or all weighted, the older the less."
    )
    retrain_recent: str = _setting(
        "30d", "rows or time", "What is recent (5000, 12h, 30d); weighted: the age at which a row counts half."
    )
    retrain_rollout: str = _setting(
        "", "plan", "Live requests for a challenger in Staging: 5,25,50 every 10m, or a percentage; empty: none."
    )
    retrain_shadow: float = _setting(0.0, "%", "Requests that are mirrored to a challenger in Staging; 0: as it is.")
    retrain_promote: bool = _setting(False, "flag", "Put a challenger that passes the gate straight into Production.")

    dask_scheduler: str = _setting(
        "",
        "address",
        "Dask scheduler whose workers score batches and fit searches, such as tcp://10.0.0.5:8786; empty: none.",
    )

    alerts_webhook: str = _setting("", _HIDDEN, "URL that alerts are posted to, as JSON; empty: none.")
    alerts_webhook_style: str = _setting("generic", "style", "What the webhook takes: generic or slack.")
    alerts_email_to: str = _setting("", "addresses", "Who gets alerts by e-mail, comma-separated; empty: nobody.")
    alerts_email_from: str = _setting("", "address", "Sender of e-mail; empty: the first who gets it.")
    alerts_smtp_host: str = _setting("", "host", "Mail server that takes alerts.")
    alerts_smtp_port: int = _setting(587, "port", "Port of the mail server.")
    alerts_smtp_security: str = _setting("starttls", "mode", "Encryption to the mail server: starttls, tls or none.")
    alerts_smtp_user: str = _setting("", "name", "User at the mail server; empty: none.")
    alerts_smtp_password: str = _setting("", _HIDDEN, "Password at the mail server.")
    alerts_refused_seconds: float = _setting(
        60.0, "s", "A refusal is worth an alert when it lasts for so long: what passes is not."
    )
    alerts_repeat_seconds: float = _setting(0.0, "s", "A trouble that lasts is told again so often; 0: once is enough.")

    pipelines: Mapping[str, str] = field(
        default_factory=dict, metadata={"unit": "table", "help": "Model name to `module:object` of its pipeline."}
    )
    models: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict,
        metadata={"unit": "table", "help": "Settings of `monitoring` and `retrain` that are otherwise for one model."},
    )

    def of(self, model: str) -> Settings:
        """The settings that hold for one model."""
        own = self.models.get(model)
        return replace(self, **own) if own else self

    @property
    def tracking_uri(self) -> str:
        """Address of the MLflow server, ours or an existing one."""
        return self.registry_uri or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def operations_url(self) -> str:
        """SQLAlchemy URL of the operations database."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'operations.db'}"

    @property
    def journal_folder(self) -> Path:
        """Where the journal lives."""
        return self.home / "journal"

    @property
    def figures_folder(self) -> Path:
        """Where each model's last drift report leaves its figures."""
        return self.home / "monitoring" / "figures"

    @property
    def serving_folder(self) -> Path:
        """Where the follower, the workers and the model store of one serving host meet."""
        return self.serving_folder_of(self.serving_replica)

    def serving_folder_of(self, replica: str) -> Path:
        """The same folder of the replica of that name; the first one's is in the home folder itself."""
        return (self.home if replica in ("", FIRST_REPLICA) else self.home / "replicas" / replica) / "serving"

    @property
    def gateway_folder(self) -> Path:
        """Where the gateway's configuration and access log are."""
        return self.home / "gateway"

    @property
    def tokens_folder(self) -> Path:
        """Where the public keys and the revoked tokens are, which is all that it takes to check a token."""
        return Path(self.access_folder).expanduser() if self.access_folder else self.home / "access"

    @property
    def keys_folder(self) -> Path:
        """Where the signing key and the trusted public keys live."""
        return self.home / "keys"


@dataclass(frozen=True)
class Row:
    """One line of the settings table, for help texts and docs."""

    name: str
    key: str
    variable: str
    default: object
    unit: str
    help: str

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.unit == _HIDDEN


def table() -> Iterator[Row]:
    """Each setting with its names, default, unit and help, in the order of the class."""
    defaults = Settings()
    for each in fields(Settings):
        section, _, rest = each.name.partition("_")
        plain = each.name in ("home", "host_name", "log_level") or each.name in TABLES
        yield Row(
            name=each.name,
            key=each.name if plain else f"{section}.{rest}",
            variable="" if each.name in TABLES else PREFIX + each.name.upper(),
            default=getattr(defaults, each.name),
            unit=each.metadata["unit"],
            help=each.metadata["help"],
        )
