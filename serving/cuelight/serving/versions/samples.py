"""What a version is tried on: its input example, rows that came with it, and requests that others have answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuelight.kit.errors import CuelightError, Refused
from cuelight.protocol import media
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.signature import Signature
from cuelight.registry.manifest import REFERENCE_SAMPLE
from cuelight.serving.versions import example


@dataclass(frozen=True)
class Sample:
    """A request to try: its body, and what says how it is to be read."""

    media_type: str
    body: bytes
    protocol: str = media.MLFLOW
    header_length: str = ""


Named = tuple[str, ScoringRequest]
"""A request, and what it is called in a sentence."""


def input_example(files: Path, signature: Signature) -> Iterator[Named]:
    """It, if the version has one.

    Raises:
        Refused: it does not fit the version's signature.
    """
    body = example.body(files)
    if body:
        try:
            yield "its input example", decode(example.MEDIA_TYPE, body, signature)
        except CuelightError as error:
            raise Refused(f"Its input example does not fit its signature: {error}") from error


def its_own(files: Path, signature: Signature) -> Iterator[Named]:
    """The input example, and the rows of the reference that came with the version, where they can be read."""
    yield from input_example(files, signature)
    path = files / REFERENCE_SAMPLE
    if path.is_file():
        with contextlib.suppress(CuelightError):
            yield "its reference sample", decode(media.PARQUET, path.read_bytes(), signature)


def fitting(recent: Sequence[Sample], signature: Signature) -> Iterator[Named]:
    """Those of recent requests that the signature takes."""
    for sample in recent:
        try:
            yield (
                "a recent request",
                decode(
                    sample.media_type,
                    sample.body,
                    signature,
                    protocol=sample.protocol,
                    header_length=sample.header_length,
                ),
            )
        except CuelightError:
            continue
