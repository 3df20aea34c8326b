"""The LitServe server. Runs in LitServe's environment."""

import itertools
import os
from typing import Any

import joblib
import litserve
import numpy as np
import pandas as pd


class Api(litserve.LitAPI):
    """Rows as an array, or as a frame where columns are named; requests of several callers are joined."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the model."""
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request: dict[str, Any]) -> tuple[list[str] | None, list[Any]]:
        """Columns and rows."""
        return request.get("columns"), request["rows"]

    def batch(self, inputs: list[tuple[list[str] | None, list[Any]]]) -> tuple[list[int], Any]:
        """Where each caller's rows end, and all rows."""
        rows = list(itertools.chain.from_iterable(each for _, each in inputs))
        columns = inputs[0][0]
        data = np.array(rows) if columns is None else pd.DataFrame(rows, columns=columns)
        return list(itertools.accumulate(len(each) for _, each in inputs)), data

    def predict(self, joined: tuple[list[int], Any]) -> list[Any]:
        """Each caller's predictions."""
        ends, data = joined
        return np.split(self.model.predict(data), ends[:-1])

    def unbatch(self, output: list[Any]) -> list[Any]:
        """One answer a caller."""
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        """As JSON."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(max_batch_size=64, batch_timeout=0.0001),
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        timeout=60,
        fast_queue=True,
    )
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", generate_client_file=False)
