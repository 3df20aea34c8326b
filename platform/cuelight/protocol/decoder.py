"""A version's own decoder, made once from its signature when it is loaded."""

from __future__ import annotations

from cuelight.protocol import fit, media, quick
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.signature import Signature

_PLAIN = (media.JSON, f"{media.JSON}; charset=utf-8")


class Decoder:
    """`decode` for one signature; usual JSON bodies are read in a quicker way, with the same outcome."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._reader = quick.reader(signature)

    def decode(
        self,
        media_type: str,
        body: bytes,
        max_rows: int = 100_000,
        max_bytes: int = 1 << 26,
        protocol: str = media.MLFLOW,
        header_length: str = "",
    ) -> ScoringRequest:
        """What the caller asks for; see `decode.decode`."""
        if self._reader and media_type in _PLAIN and protocol == media.MLFLOW:
            request = self._reader.read(body)
            if request:
                if request.rows.count > max_rows:
                    raise fit.too_many(request.rows.count, max_rows)
                return request
        return decode(media_type, body, self._signature, max_rows, max_bytes, protocol, header_length)
