"""Download a version's files: by MLflow's artifact proxy where it has them, else by MLflow's own client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from cuelight.kit.errors import NotFound, Refused, RegistryUnavailable
from cuelight.registry import object_store
from cuelight.registry.manifest import IGNORED
from cuelight.registry.rest import Rest
from cuelight.registry.tracking import EXIT_NOT_FOUND

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_DEPTH = 32
_MOST_FILES = 10_000


@dataclass(frozen=True)
class Credentials:
    """An MLflow server and how to log in there."""

    uri: str
    user: str
    password: str = field(repr=False)


def is_proxied(uri: str, server: str) -> bool:
    """Is the artifact URI served by this server's own proxy?"""
    parts = urlsplit(uri)
    return parts.scheme == "mlflow-artifacts" and parts.netloc in ("", urlsplit(server).netloc)


def fetch_by_proxy(rest: Rest, uri: str, folder: Path) -> None:
    """Download all files below an `mlflow-artifacts:` URI into `folder`.

    Raises:
        NotFound: there are none.
        Refused: a listed name leads out of the folder, or there are too many.
        RegistryUnavailable: the server did not answer, or a file changed while it was read.
    """
    root = _root(uri)
    count = 0
    for path, size in _listed(rest, root, "", 0):
        count += 1
        if count > _MOST_FILES:
            raise Refused(f"The version has more than {_MOST_FILES} files.")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with rest.stream(f"{_PROXY}/{quote(f'{root}/{path}')}", size or 0) as pieces, target.open("xb") as file:
            received = sum(file.write(piece) for piece in pieces)
        if size is not None and received != size:
            raise RegistryUnavailable(f"File {path!r} came with {received} bytes instead of {size}: it is tried again.")
    if not count:
        raise NotFound(f"There are no files at {uri}: register the version again.")


def fetch_by_client(credentials: Credentials, uri: str, folder: Path, seconds: float) -> None:
    """Download by MLflow's own client, or boto3, in a child process that is killed after `seconds`.

    Raises:
        NotFound: nothing is there.
        RegistryUnavailable: the store did not answer, or not in time.
        Misconfigured: what it takes to reach such a store is not installed.
    """
    if object_store.is_object_store(uri):
        object_store.check_installed(uri)
    order = asdict(credentials) | {"source": uri, "folder": str(folder.absolute())}
    try:
        # The order goes through a pipe, since a command line is everyone's to read.
        child = subprocess.run(
            [sys.executable, "-m", "cuelight.registry.tracking"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RegistryUnavailable(f"{uri} could not be downloaded within {seconds:g} s.") from error
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no reason was given"])[-1]
        if child.returncode == EXIT_NOT_FOUND:
            raise NotFound(last[:500])
        raise RegistryUnavailable(f"{uri} could not be downloaded: {last[:500]}")


def _listed(rest: Rest, root: str, below: str, depth: int) -> Iterator[tuple[str, int | None]]:
    if depth > _DEPTH:
        raise Refused(f"The version's folders are nested more than {_DEPTH} deep.")
    listing = rest.json("GET", _PROXY, {"path": f"{root}/{below}".rstrip("/")}).get("files", [])
    if not isinstance(listing, list) or not all(isinstance(each, dict) for each in listing):
        raise RegistryUnavailable("MLflow's list of files can't be read: is this the address of an MLflow server?")
    for each in listing:
        path = below + _name(each.get("path"))
        if each.get("is_dir") is True:
            yield from _listed(rest, root, path + "/", depth + 1)
        elif path != IGNORED:
            size = each.get("file_size")
            yield path, int(size) if isinstance(size, int) or (isinstance(size, str) and size.isdigit()) else None


def _root(uri: str) -> str:
    # Not urlsplit: a folder's name may hold `?` and `#`.
    path = uri.partition(":")[2]
    if path.startswith("//"):
        path = path[2:].partition("/")[2]
    if any(part in (".", "..") for part in path.split("/")):
        raise Refused(f"The version's artifact URI {uri!r} holds '..': it may lead out of the artifact store.")
    return path.strip("/")


def _name(listed: object) -> str:
    if not isinstance(listed, str) or listed in ("", ".", "..") or set(listed) & set("/\\\0"):
        raise Refused(f"The artifact store lists a file named {listed!r}: such a name may lead out of the folder.")
    return listed
