"""What a worker writes of calls to models with personal columns: never those columns in clear."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import orjson
from msgspec import structs

from cuelight.journal.record import Prediction
from cuelight.kit import secret
from cuelight.kit.log import Log
from cuelight.protocol import media
from cuelight.protocol.answer import read
from cuelight.protocol.encode import encode, error
from cuelight.protocol.redaction import SEALED, Redactor, without_echo
from cuelight.serving.answering.outcome import Personal

_KEPT_BACK = "The message is not kept: it may hold something of the request, and that may be personal."
_LOG = Log("serving.discretion")


class Discretion:
    """Records as they may be written; `how` is the setting `journal.pii`, the hash's key is in the folder `keys`."""

    def __init__(self, how: str, keys: Path) -> None:
        self._how = how
        self._keys = keys

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(self._how, secret.load_or_create(self._keys))

    def record(self, record: Prediction, personal: Personal) -> Prediction:
        """The record without personal values, its bodies in MLflow's JSON; nothing of the bodies if that fails."""
        try:
            return self._asked(self._answered(record, personal), personal)
        except Exception as fault:  # noqa: BLE001  whatever it is, nothing may reach the disk as it came
            _LOG.fault("not-redacted", fault, request_id=record.request_id, model=record.model)
            nothing = {"request": b"", "response": b"", "probabilities": None, "error": record.error and _KEPT_BACK}
            return structs.replace(record, redaction=SEALED, personal=",".join(personal.columns), **nothing)

    def _asked(self, record: Prediction, personal: Personal) -> Prediction:
        if not personal.columns or not personal.rows.count:
            sealed = self._redactor.seal(record.request)
            return structs.replace(record, request=sealed, redaction=SEALED, personal=",".join(personal.columns))
        return structs.replace(
            record,
            request=self._redactor.request(personal.rows, personal.parameters, personal.columns),
            media_type=media.JSON,
            protocol=media.MLFLOW,
            header_length="",
            redaction=self._how,
            personal=",".join(personal.columns),
        )

    def _answered(self, record: Prediction, personal: Personal) -> Prediction:
        if record.status == 200:
            given = read(record.response, record.protocol, record.response_type, record.response_header_length)
            body = encode(without_echo(given, personal.rows, personal.columns))
            return structs.replace(record, response=body, response_type=media.JSON, response_header_length=0)
        if not personal.quotes:
            return record
        code = orjson.loads(record.response)["error_code"]
        return structs.replace(record, response=error(code, _KEPT_BACK, record.request_id), error=_KEPT_BACK)
