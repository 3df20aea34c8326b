"""All servers, in the order of the tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.bentoml import BentoMl
from benchmarks.peers.cuelight import Cuelight, CuelightPlain, CuelightUnrecorded
from benchmarks.peers.gunicorn_apps import AsgiNothing, FlaskNothing, FlaskPyfunc
from benchmarks.peers.litserve import LitServe
from benchmarks.peers.mlflow_serve import MlflowServe
from benchmarks.peers.mlserver import MlServer, MlServerPlain
from benchmarks.peers.peer import Peer

PEERS: Sequence[type[Peer]] = (
    Cuelight,
    CuelightUnrecorded,
    CuelightPlain,
    MlflowServe,
    MlServer,
    MlServerPlain,
    BentoMl,
    LitServe,
    FlaskPyfunc,
    FlaskNothing,
    AsgiNothing,
)
