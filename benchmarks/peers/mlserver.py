"""MLServer with its scikit-learn runtime, by the Open Inference Protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.models import Model
from benchmarks.peers.peer import Peer, Place
from benchmarks.processes import free_port
from benchmarks.wire import Body, tensors


class MlServer(Peer):
    """Inference in the server's own process for one worker, in as many processes for more; adaptive batching."""

    name = "MLServer"
    settings = (
        "scikit-learn runtime, `parallel_workers` 0 for one worker (no hand-off between processes), "
        "adaptive batching of up to 64 rows within 1 ms"
    )
    package = "mlserver"
    requirements = "mlserver"
    batching: Mapping[str, Any] = {"max_batch_size": 64, "max_batch_time": 0.001}

    def command(self, place: Place) -> list[str]:
        server = {
            "host": "127.0.0.1",
            "http_port": place.port,
            "grpc_port": free_port(),
            "metrics_port": free_port(),
            "parallel_workers": 0 if place.workers == 1 else place.workers,
            "debug": False,
        }
        model = {
            "name": place.model.name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(place.model.joblib)},
            **self.batching,
        }
        (place.folder / "settings.json").write_text(json.dumps(server))
        (place.folder / "model-settings.json").write_text(json.dumps(model))
        return [self.python, "-m", "mlserver.cli.main", "start", str(place.folder)]

    def single(self, model: Model, frame: Any) -> Body:
        hint = "" if model.numeric else "pd"
        return tensors(frame, f"/v2/models/{model.name}/infer", one=model.numeric, hint=hint)


class MlServerPlain(MlServer):
    """The same without batching: quicker where callers are few."""

    name = "MLServer, no batching"
    settings = "scikit-learn runtime, `parallel_workers` 0 for one worker, no adaptive batching (its default)"
    batching: Mapping[str, Any] = {}
