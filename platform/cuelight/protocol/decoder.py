"""A version's own decoder, made once from its signature when it is loaded."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cuelight.protocol import fit, media, quick
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.fit import USUAL, Limits
from cuelight.protocol.signature import Signature

if TYPE_CHECKING:
    from cuelight.protocol import quick_csv

_JSON = (media.JSON, f"{media.JSON}; charset=utf-8")
_CSV = (media.CSV, f"{media.CSV}; charset=utf-8")
_SMALL = 1 << 12  # bytes of CSV that `decode` reads about as fast


class Decoder:
    """`decode` for one signature; usual JSON and CSV bodies are read in a quicker way, with the same outcome."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._reader = quick.reader(signature)

    @cached_property
    def _csv_reader(self) -> quick_csv.Reader | None:
        from cuelight.protocol import quick_csv  # brings PyArrow

        signature = self._signature
        return None if signature.entries else quick_csv.reader(signature.columns)

    def decode(
        self,
        media_type: str,
        body: bytes,
        limits: Limits = USUAL,
        protocol: str = media.MLFLOW,
        header_length: str = "",
    ) -> ScoringRequest:
        """What the caller asks for; see `decode.decode`."""
        request = self._quickly(media_type, body, limits.rows) if protocol == media.MLFLOW else None
        if request is None:
            return decode(media_type, body, self._signature, limits, protocol, header_length)
        if request.rows.count > limits.rows:
            raise fit.too_many(limits.rows)
        return request

    def _quickly(self, media_type: str, body: bytes, max_rows: int) -> ScoringRequest | None:
        if media_type in _JSON:
            return self._reader.read(body, max_rows) if self._reader else None
        if media_type in _CSV and len(body) > _SMALL and self._csv_reader:
            rows = self._csv_reader.read(body, max_rows)
            return ScoringRequest(rows, {}) if rows else None
        return None
