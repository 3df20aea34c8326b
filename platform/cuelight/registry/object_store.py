"""Artifacts in an object store that speaks S3: what is there, and how long we wait for it. boto3 comes in when used.

Where the store is and who we are comes from the environment, as boto3 reads it: `AWS_ENDPOINT_URL`,
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, or a role of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cuelight.kit.errors import Misconfigured, NotFound, Refused, Unavailable

_SCHEME = "s3:"
# boto3's own are 60 s each, five times: MLflow would hang. A follower waits for ten seconds, and should hear why.
_CONNECT_SECONDS, _READ_SECONDS, _TRIES = 2.0, 4.0, 2
_ABSENT = {"NoSuchBucket", "NoSuchKey", "404"}
_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403"}


@dataclass(frozen=True)
class Stored:
    """An object: its name below the URL, its bytes, and its `ETag`, by which the store tells its content."""

    name: str
    size: int
    etag: str


def is_object_store(uri: str) -> bool:
    """Whether a URI is one of S3's."""
    return uri.startswith(_SCHEME)


def check(uri: str) -> None:
    """Whether artifacts can be kept at `uri`, as far as this machine goes: the store itself is not asked.

    Raises:
        Misconfigured: it is no `s3://bucket/prefix`, or boto3 is missing.
    """
    parts = urlsplit(uri)
    if not is_object_store(uri) or not parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(f"Setting `mlflow.artifacts`: {uri!r} is no URL like s3://bucket/prefix.")
    check_installed(uri)


def check_installed(uri: str) -> None:
    """Whether what it takes to reach `uri` is here.

    Raises:
        Misconfigured: boto3 is missing.
    """
    if find_spec("boto3") is None:
        raise Misconfigured(f"{uri} needs boto3: pip install 'cuelight[s3]'.")


def be_impatient() -> None:
    """Bound every wait of clients that boto3 makes in this process from now on, also those of libraries."""
    import boto3
    import botocore.session
    from botocore.config import Config

    session = botocore.session.get_session()
    bounds = {"total_max_attempts": _TRIES, "mode": "standard"}
    session.set_default_client_config(
        Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=bounds)
    )
    boto3.setup_default_session(botocore_session=session)


def listed(uri: str, most: int = 0) -> Iterator[Stored]:
    """The objects below `uri`, by their names' order; at most so many, if `most` is set.

    Raises:
        Unavailable: the store does not answer.
        NotFound: there is no such bucket.
        Misconfigured: it does not let us in, or boto3 is missing.
    """
    check_installed(uri)
    bucket, prefix = _place(uri)
    limit = {"PaginationConfig": {"MaxItems": most}} if most else {}
    with told(uri):
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **limit)
        for page in pages:
            for each in page.get("Contents", []):
                yield Stored(each["Key"].removeprefix(prefix), int(each["Size"]), each["ETag"].strip('"'))


def download(uri: str, folder: Path) -> Path:
    """Bring all below `uri` into `folder`, large objects in several parts; the folder.

    Raises:
        NotFound: nothing is there.
        Refused: a name leads out of the folder.
        Unavailable, Misconfigured: as `listed`.
    """
    check_installed(uri)
    (bucket, prefix), client, count = _place(uri), _client(), 0
    for each in listed(uri):
        parts = each.name.split("/")
        if parts[-1] == "":  # how some tools mark a folder
            continue
        if {"", ".", ".."} & set(parts):
            raise Refused(f"The artifact store lists an object {each.name!r}: it may lead out of the folder.")
        target, count = folder.joinpath(*parts), count + 1
        target.parent.mkdir(parents=True, exist_ok=True)
        with told(uri):
            client.download_file(bucket, prefix + each.name, str(target))
    if not count:
        raise NotFound(f"There are no files at {uri}: register the version again.")
    return folder


def _place(uri: str) -> tuple[str, str]:
    """Bucket, and what the names of objects below `uri` begin with. Not urlsplit: a name may hold `?` and `#`."""
    bucket, _, path = uri.removeprefix(_SCHEME).lstrip("/").partition("/")
    return bucket, f"{path.strip('/')}/".lstrip("/")


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Turn what boto3 raises into our errors; `uri` is what was asked for."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        raise _refusal(uri, error.response.get("Error", {})) from error
    except NoCredentialsError as error:
        raise Misconfigured(f"No credentials for {uri}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise Unavailable(sentence(uri, error)) from error


def sentence(uri: str, error: Exception) -> str:
    """What there is to say of a store that did not answer."""
    return f"The artifact store {uri} does not answer ({error})."


def _refusal(uri: str, said: dict[str, Any]) -> Unavailable | NotFound | Misconfigured:
    code, text = str(said.get("Code", "")), str(said.get("Message", ""))[:200]
    if code in _ABSENT:
        return NotFound(f"The artifact store has nothing at {uri} ({code}). Does the bucket exist?")
    if code in _DENIED:
        return Misconfigured(f"The artifact store does not let us in at {uri} ({code}). Check the AWS_ variables.")
    return Unavailable(f"The artifact store failed at {uri} ({code}: {text}).")


def _client() -> Any:
    """The store as MLflow would find it, by its own variables too."""
    import boto3

    be_impatient()
    insecure = os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1")
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None
    return boto3.client("s3", endpoint_url=endpoint, verify=False if insecure else None)
