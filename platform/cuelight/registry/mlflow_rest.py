"""MLflow's model registry behind its REST interface, without MLflow's client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from cuelight.kit.errors import BadInput, NotFound, RegistryUnavailable
from cuelight.registry.artifacts import Credentials, fetch_by_client, fetch_by_proxy, is_proxied
from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot
from cuelight.registry.names import check_alias, check_model, check_stage
from cuelight.registry.rest import AnswerTooLong, Rest

_API = "/api/2.0/mlflow/"
# MLflow works for some milliseconds on each model: a page of so many is there in time also where others ask as well.
_PAGE, _SMALLEST_PAGE = 200, 10
_MOST_DIGITS = 18  # below 2**63
_LOGGED = "models:/m-"
T = TypeVar("T")


class MlflowRegistry:
    """A `Registry` on an MLflow server; safe to use from several threads.

    Args:
        uri: address of the server.
        user, password: for basic authentication; an empty user sends none.
        connect_timeout, read_timeout: seconds for the connection, and for one answer in all.
        fetch_timeout: seconds for a download that MLflow's own client does (artifacts on S3 and the like).
        pages: where people open the server's pages, for links; empty: at `uri`.
        behalf: the person for whom all is asked, for MLflow's record of who edits.
    """

    def __init__(
        self,
        uri: str,
        user: str = "",
        password: str = "",
        connect_timeout: float = 2.0,
        read_timeout: float = 10.0,
        fetch_timeout: float = 600.0,
        pages: str = "",
        behalf: str = "",
    ) -> None:
        self._rest = Rest(uri, user, password, connect_timeout, read_timeout, behalf)
        self._credentials = Credentials(uri, user, password)
        self._fetch_timeout = fetch_timeout
        self._shown_at = pages or self._rest.uri
        self._page_sizes: dict[str, int] = {}

    def probe(self) -> str:
        """Name and time stamp of the model that changed last: aliases, tags and deleted models don't move it."""
        query = {"max_results": 1, "order_by": "last_updated_timestamp DESC"}
        document = self._rest.json("GET", _API + "registered-models/search", query)
        return " ".join(f"{_time(each, 'last_updated_timestamp')} {_text(each, 'name')}" for each in _models(document))

    def snapshot(self) -> Snapshot:
        """All models, then all versions: models alone show one version per stage, and versions show no aliases."""
        models = {_text(each, "name"): each for each in self._pages("registered-models/search", _models)}
        versions: dict[str, dict[int, ModelVersion]] = {}
        for each in self._pages("model-versions/search", _versions):
            version = _version(each)
            versions.setdefault(version.name, {})[version.version] = version
        return Snapshot({name: _model(entry, versions.get(name, {})) for name, entry in models.items()})

    def create_model(self, name: str) -> None:
        """Register a model; nothing happens if it is there."""
        check_model(name)
        try:
            self._rest.json("POST", _API + "registered-models/create", body={"name": name})
        except BadInput as refusal:
            try:
                self._rest.json("GET", _API + "registered-models/get", {"name": name})
            except NotFound:
                raise refusal from None

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Add a version whose files are at `source`; MLflow wants its own sources to be within the run or model."""
        body: dict[str, object] = {
            "name": name,
            "source": source,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        body |= {"run_id": run_id} if run_id else {}
        body |= {"description": description} if description else {}
        body |= {"model_id": source.removeprefix("models:/")} if source.startswith(_LOGGED) else {}
        document = self._rest.json("POST", _API + "model-versions/create", body=body)
        return _version(_part(document, "model_version", dict))

    def set_version_tags(self, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version, one call each; the others stay."""
        for key, value in tags.items():
            body = {"name": name, "version": str(version), "key": key, "value": value}
            self._rest.json("POST", _API + "model-versions/set-tag", body=body)

    def set_model_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags on a registered model, one call each; the others stay."""
        for key, value in tags.items():
            self._rest.json("POST", _API + "registered-models/set-tag", body={"name": name, "key": key, "value": value})

    def set_stage(self, name: str, version: int, stage: str, archive_others: bool = False) -> None:
        """Move a version to `Production`, `Staging`, `Archived` or `None`."""
        check_stage(stage, archive_others)
        body = {"name": name, "version": str(version), "stage": stage, "archive_existing_versions": archive_others}
        self._rest.json("POST", _API + "model-versions/transition-stage", body=body)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        check_alias(alias)
        body = {"name": name, "alias": alias, "version": str(version)}
        self._rest.json("POST", _API + "registered-models/alias", body=body)

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version, with its aliases."""
        self._rest.json("DELETE", _API + "model-versions/delete", body={"name": name, "version": str(version)})

    def run_url(self, run_id: str) -> str:
        """Where MLflow's UI shows a run."""
        info = _part(self._run(run_id), "info", dict)
        return f"{self._shown_at}/#/experiments/{_text(info, 'experiment_id')}/runs/{run_id}"

    def artifact_uri(self, version: ModelVersion) -> str:
        """Where the version's files really are: logged models and runs resolved, plain paths as `file:`."""
        source = version.source
        if source.startswith(_LOGGED):
            return _with_scheme(self._logged_model(source.removeprefix("models:/"))[1])
        if source.startswith("runs:/"):
            run_id, _, path = source.removeprefix("runs:/").lstrip("/").partition("/")
            return _with_scheme(self._run_artifact(run_id, path))
        return _with_scheme(source)

    def fetch(self, version: ModelVersion, folder: Path) -> None:
        """Download the version's files into `folder`.

        Raises:
            NotFound: there are none.
            Refused: the store lists names that lead out of the folder.
        """
        uri = self.artifact_uri(version)
        if is_proxied(uri, self._rest.uri):
            fetch_by_proxy(self._rest, uri, folder)
        else:
            fetch_by_client(self._credentials, uri, folder, self._fetch_timeout)

    def _pages(self, path: str, items: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        tokens: set[str] = set()
        query: dict[str, object] = {}
        while True:
            query["max_results"] = size = self._page_sizes.get(path, _PAGE)
            try:
                document = self._rest.json("GET", _API + path, query)
            except AnswerTooLong:  # tags may hold 100 KB each
                if size <= _SMALLEST_PAGE:
                    raise
                self._page_sizes[path] = max(_SMALLEST_PAGE, size // 10)
                continue
            yield from items(document)
            token = document.get("next_page_token")
            if not token:
                return
            if not isinstance(token, str) or token in tokens:
                raise _nonsense(f"a page token of {path}")
            tokens.add(token)
            query["page_token"] = token

    def _logged_model(self, model_id: str) -> tuple[str, str]:
        document = self._rest.json("GET", f"{_API}logged-models/{quote(model_id, safe='')}")
        info = _part(_part(document, "model", dict), "info", dict)
        return _text(info, "name"), _text(info, "artifact_uri")

    def _run(self, run_id: str) -> dict[str, Any]:
        return _part(self._rest.json("GET", _API + "runs/get", {"run_id": run_id}), "run", dict)

    def _run_artifact(self, run_id: str, path: str) -> str:
        run = self._run(run_id)
        # A run's path may name a model that was logged by it, which lies elsewhere since MLflow 3.
        for each in _list(run.get("outputs", {}), "model_outputs"):
            name, uri = self._logged_model(_text(each, "model_id"))
            if name == path:
                return uri
        return f"{_text(_part(run, 'info', dict), 'artifact_uri').rstrip('/')}/{path}"


def _models(document: dict[str, Any]) -> list[dict[str, Any]]:
    return _found(document, "registered_models")


def _versions(document: dict[str, Any]) -> list[dict[str, Any]]:
    return _found(document, "model_versions")


def _found(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    # MLflow says `{}` where nothing was found; anything else without the key is somebody else's answer.
    if document and key not in document:
        raise _nonsense(f"an answer without {key}")
    return _list(document, key)


def _model(entry: dict[str, Any], versions: Mapping[int, ModelVersion]) -> RegisteredModel:
    aliases = {_text(each, "alias"): _number(each, "version") for each in _list(entry, "aliases")}
    return RegisteredModel(_text(entry, "name"), aliases, _tags(entry), dict(sorted(versions.items())))


def _version(entry: dict[str, Any]) -> ModelVersion:
    return ModelVersion(
        name=_text(entry, "name"),
        version=_number(entry, "version"),
        created_ms=_time(entry, "creation_timestamp"),
        updated_ms=_time(entry, "last_updated_timestamp"),
        source=str(entry.get("source", "")),
        run_id=str(entry.get("run_id", "")),
        stage=str(entry.get("current_stage", "None")),
        status=str(entry.get("status", "READY")),
        description=str(entry.get("description", "")),
        tags=_tags(entry),
    )


def _tags(entry: dict[str, Any]) -> dict[str, str]:
    return {_text(each, "key"): str(each.get("value", "")) for each in _list(entry, "tags")}


def _list(entry: Any, key: str) -> list[dict[str, Any]]:
    value = entry.get(key, []) if isinstance(entry, dict) else None
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _nonsense(f"a list {key}")
    return value


def _text(entry: dict[str, Any], key: str) -> str:
    return _part(entry, key, str)


def _part(entry: dict[str, Any], key: str, kind: type[T]) -> T:
    value = entry.get(key)
    if not isinstance(value, kind) or not value:
        raise _nonsense(key)
    return value


def _number(entry: dict[str, Any], key: str) -> int:
    value = str(entry.get(key, ""))
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise _nonsense(key)
    return int(value)


def _time(entry: dict[str, Any], key: str) -> int:
    return _number(entry, key) if key in entry else 0


def _nonsense(what: str) -> RegistryUnavailable:
    return RegistryUnavailable(f"MLflow's answer can't be read ({what}): is this the address of an MLflow server?")


def _with_scheme(uri: str) -> str:
    if not uri:
        raise NotFound("The version has no source: register it again.")
    return uri if urlsplit(uri).scheme else f"file:{uri}"
