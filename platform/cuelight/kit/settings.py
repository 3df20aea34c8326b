"""Every setting, in one table, of the sections in `sections/`; `configuration` reads them.

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

from cuelight.kit.sections.access import Access
from cuelight.kit.sections.gateway import Gateway
from cuelight.kit.sections.hosts import Hosts
from cuelight.kit.sections.installation import Installation
from cuelight.kit.sections.journal import Journal
from cuelight.kit.sections.monitoring import Monitoring
from cuelight.kit.sections.registry import Registry
from cuelight.kit.sections.retraining import Retraining
from cuelight.kit.sections.serving import Serving
from cuelight.kit.sections.setting import HIDDEN

TABLES = ("pipelines", "models")
BY_MODEL = ("monitoring", "retrain")  # sections that a model may have of its own
FIRST_REPLICA = "replica-1"
PREFIX = "CUELIGHT_"


@dataclass(frozen=True)
class Settings(Retraining, Monitoring, Hosts, Journal, Gateway, Access, Serving, Registry, Installation):
    """All settings of one installation; immutable, made by `read`. The table begins with the last of the sections."""

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


CHOICES = {each.name: each.metadata["choices"] for each in fields(Settings) if each.metadata.get("choices")}


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
        return self.unit == HIDDEN


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
