"""Boards to look at: a home with a journal, a history and reports as they would be, and the board's app over it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from werkzeug.serving import make_server

from cuelight.journal import layout, tables
from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts.troubles import Terms, Watch, follow
from cuelight.monitoring.board.server import build
from cuelight.operations import figures, replicas, schema
from cuelight.operations.database import Operations
from cuelight.operations.engine import Database
from cuelight.operations.figures import Figures
from cuelight.operations.host import Record, Role, Version
from cuelight.operations.replicas import Replica
from tests.support.answering import answering
from tests.support.ports import free_port

_HOUR = 3600.0
_WHY = ("stage", "alias champion")
_LOADED = {
    "run_id": "",
    "digest": "sha256:0",
    "signed_by": "key",
    "loaded": True,
    "flavor": "sklearn",
    "way": "compiled",
    "load_seconds": 0.1,
    "inputs": [{"name": "x", "type": "double"}],
}
_NAMES = ("churn", "doctor_visits", "wine", "co2", "fraud_score", "delivery_time", "search_ranking", "price_elasticity")


@dataclass(frozen=True)
class Sight:
    """One model as it fares: versions by track, requests in the last hour, the share that fails, its last verdict."""

    name: str
    tracks: Mapping[str, int]
    requests: int = 2_000
    failing: float = 0.0
    ms: float = 2.0
    canary: float = 0.0
    shadow: float = 0.0
    verdict: str = "ok"
    quality: Mapping[str, float] = field(default_factory=lambda: {"accuracy": 0.934, "log_loss": 0.213})


@dataclass(frozen=True)
class Station:
    """A host on a machine of its own, which does what the scene does but for what is `odd`: roles, by model.

    `age`: when it was last heard of, in seconds; one that is silent does not answer either.
    """

    name: str
    zone: str
    odd: Mapping[str, Role] = field(default_factory=dict)
    age: float = 1.0
    trouble: str = ""


@dataclass(frozen=True)
class Scene:
    """What there is to be seen: models, how many replicas are up and down, hosts elsewhere, lines of the history."""

    models: tuple[Sight, ...] = ()
    up: int = 1
    down: int = 0
    elsewhere: tuple[Station, ...] = ()
    events: tuple[tuple[str, str, int, Mapping[str, Any]], ...] = ()


def one() -> Scene:
    """A model that does well."""
    return Scene((Sight("wine", {"Production": 3}),))


def several() -> Scene:
    """Five models on two replicas: one lost quality, one walks up as a canary, the others do well."""
    models = (
        Sight("churn", {"Production": 12, "Staging": 13}, requests=48_000, canary=10.0, ms=1.4),
        Sight("doctor_visits", {"Production": 1, "Staging": 2}, requests=9_000, verdict="degraded",
              quality={"log_loss": 0.761, "accuracy": 0.641}),
        Sight("wine", {"Production": 3}, requests=1_200),
        Sight("fraud_score", {"Production": 7, "Staging": 8}, requests=120_000, ms=0.8, shadow=20.0, failing=0.0004),
        Sight("delivery_time", {"Production": 2}, requests=300, verdict="not enough data", quality={}),
    )  # fmt: skip
    reason = "Quality fell: log loss 0.7611 on 2,000 labelled rows, 0.5587 on the reference (z 9.2)."
    drift = ("drift", "doctor_visits", 1, {"verdict": "degraded", "reason": reason, "rows": 2000, "link": ""})
    return Scene(models, up=2, events=(drift,))


def fleet() -> Scene:
    """Three hosts: one waits for its turn in a wave and refused another version, one fell silent."""
    models = (
        Sight("churn", {"Production": 13}, requests=48_000, ms=1.4),
        Sight("wine", {"Production": 7, "Staging": 8}, requests=9_000),
        Sight("delivery_time", {"Production": 2}, requests=1_200),
    )
    lacks = "It was made with scikit-learn 1.6.1, and 1.5.2 is installed here."
    turn = "It waits for its turn: berlin first, for 30 s of version 13."
    odd = {
        "churn": Role("churn", "Production", Version(13, 13), "waiting", turn, Version(12, 12)),
        "wine": Role("wine", "Production", Version(7, 7), "refused", lacks, Version(6, 6)),
    }
    hosts = (Station("berlin", "a"), Station("madrid", "b", odd), Station("oslo", "c", age=95.0))
    return Scene(models, up=0, elsewhere=hosts)


def sixty() -> Scene:
    """Sixty models, most of which do well."""
    models = []
    for number in range(60):
        name = f"{_NAMES[number % len(_NAMES)]}_{'abcdefgh'[number // len(_NAMES)]}"
        tracks = {"Production": 1 + number % 9} | ({"Staging": 2 + number % 9} if number % 4 == 0 else {})
        verdict = {7: "drift", 31: "watch", 44: "not enough data"}.get(number, "ok")
        failing = 0.06 if number == 20 else 0.0
        models.append(Sight(name, tracks, 50 * (1 + number * 7 % 60), failing, 1.0 + number % 5, verdict=verdict))
    reason = "input.income (z 9.1), input.age (z 6.3) drifted in 2,000 rows."
    drift = ("drift", models[7].name, 8, {"verdict": "drift", "reason": reason, "rows": 2000, "link": ""})
    return Scene(tuple(models), up=3, events=(drift,))


def broken() -> Scene:
    """What goes wrong at once: a rollback, a refused version, a job, lost quality, errors, a replica that is gone."""
    long = "a_model_with_a_name_that_is_much_longer_than_names_of_models_should_be_and_yet_allowed"
    models = (
        Sight("churn", {"Production": 12}, failing=0.31),
        Sight("fraud_score", {"Production": 7}, verdict="bad data", quality={}),
        Sight(long, {"Staging": 123456}, requests=0, verdict="", quality={}),
    )
    worse = "It answered 41 of 120 requests with errors, version 12 none of 130."
    refused = "Its file model.skops holds types that are not trusted: evil.module.Payload, evil.module.Other."
    events = (
        ("rolled-back", "churn", 13, {"track": "Production", "to": 12, "reason": worse, "by": ""}),
        ("refused", "fraud_score", 9, {"reason": refused}),
        ("job-failed", "", 0, {"job": "retrain", "code": 1, "log": "logs/retrain.log", "tail": ""}),
        ("drift", "fraud_score", 7, {"verdict": "bad data", "reason": "Column age is empty in 1,900 of 2,000 rows."}),
    )
    return Scene(models, up=1, down=1, events=events)


@contextmanager
def shown(scene: Scene, home: Path, harm: Callable[[Path], None] = lambda _: None, **settings: Any) -> Iterator[str]:
    """The address of a board that shows the scene, once `harm` was done to its home."""
    if scene.elsewhere:
        home.mkdir(parents=True, exist_ok=True)
        settings = {"database_url": f"sqlite:///{home / 'shared.db'}", **settings}
    chosen = Settings(home=home, **settings)
    hosts = [_Host(scene) for _ in range(scene.up)]
    addresses = [each.server_port for each in hosts] + [free_port() for _ in range(scene.down)]
    furnish(scene, chosen, addresses)
    others = [_Host(_as_there(scene, each)) for each in scene.elsewhere if each.age < chosen.hosts_silent_seconds]
    _enlist(scene, chosen, [each.server_port for each in others])
    harm(home)
    server = make_server("127.0.0.1", 0, build(chosen, dict), threaded=True)
    with answering(*hosts, *others, server):
        yield f"http://127.0.0.1:{server.server_port}"


def furnish(scene: Scene, settings: Settings, ports: list[int]) -> None:
    """Put the scene's files and rows into a home, with replicas at these ports."""
    now = time.time()
    members = tuple(Replica(f"replica-{place}", "127.0.0.1", port) for place, port in enumerate(ports, 1))
    if members:
        replicas.change(settings, lambda _: members)
    for place, each in enumerate(scene.models):
        if each.verdict:
            report = Figures(each.name, max(each.tracks.values()), now - 1000.0 * (place + 1), each.verdict, 2000, 800)
            settings.figures_folder.mkdir(parents=True, exist_ok=True)
            figures.write(settings.figures_folder, Figures(**{**_fields(report), "quality": each.quality}))
        if each.requests:
            _record(settings.journal_folder, each, now, seed=place)
    settings.home.mkdir(parents=True, exist_ok=True)
    operations = Operations(settings.operations_url, "host")
    for back, (kind, model, version, detail) in enumerate(scene.events, 1):
        operations.record(kind, model, version or None, detail, at=now - 700.0 * back)
    last = operations.bookmark()
    watch, found = follow(Watch(), operations.history_after({}, 1000), now, Terms(60.0, "http://127.0.0.1:5000"))
    operations.keep_alerts(last, watch.to_json(), found, ())
    operations.close()


def _enlist(scene: Scene, settings: Settings, ports: list[int]) -> None:
    """Have the hosts elsewhere write themselves into the database, those that answer at these ports."""
    if not scene.elsewhere:
        return
    operations, left = Operations(settings.operations_url, "host"), iter(ports)
    for each in scene.elsewhere:
        roles = tuple(
            each.odd.get(sight.name, Role(sight.name, track, mark, "serving", "", mark)) if track == "Production"
            else Role(sight.name, track, mark, "serving", "", mark)
            for sight in scene.models
            for track, number in sight.tracks.items()
            for mark in [Version(number, number)]
        )  # fmt: skip
        port = next(left, None) or free_port()
        record = Record(name=each.name, folder=each.name, address="127.0.0.1", port=port, zone=each.zone, roles=roles,
                        trouble=each.trouble)  # fmt: skip
        operations.beat(record, lambda mine, _: mine, settings.hosts_silent_seconds, True)
    operations.close()
    table = schema.hosts
    with Database(settings.operations_url).writing() as connection:
        for each in scene.elsewhere:
            aged = sa.update(table).where(table.c.name == each.name).values(seen=table.c.seen - each.age)
            connection.execute(aged)


def _as_there(scene: Scene, station: Station) -> Scene:
    """What a host elsewhere serves of the scene."""

    def there(sight: Sight) -> Sight:
        its = station.odd.get(sight.name)
        return replace(sight, tracks={**sight.tracks, its.track: its.serves.number}) if its and its.serves else sight

    return replace(scene, models=tuple(map(there, scene.models)))


class _Host(ThreadingHTTPServer):
    """Answers `GET /models` as a serving host does that serves the scene."""

    def __init__(self, scene: Scene) -> None:
        body = json.dumps({"generation": 42, "models": [_entry(each, n) for n, each in enumerate(scene.models)]})

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


def _entry(sight: Sight, number: int) -> dict[str, Any]:
    def since(track: str) -> str:
        moment = time.time() - _HOUR * (0.4 if track == "Staging" else 3.0 + 17 * number % 80)
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    tracks = {
        track: _LOADED
        | {"version": version, "why": _WHY[number % 3 == 0 and track == "Production"], "since": since(track)}
        for track, version in sight.tracks.items()
    }
    rollout = {"plan": "1,10,50", "step": 2, "of": 3, "says": "step 2 of 3: 10 % until 30 min of no harm"}
    traffic: dict[str, Any] = {"canary": sight.canary, "shadow": sight.shadow, "control": 0.0, "why": ""}
    traffic["rollout"] = rollout if sight.canary else None
    return {"name": sight.name, "tracks": tracks, "aliases": {}, "traffic": traffic, "standby": [], "on_demand": []}


def _record(folder: Path, sight: Sight, now: float, seed: int) -> None:
    """An hour of requests, as the compactor would have left them."""
    random, count = np.random.default_rng(seed), sight.requests
    share = np.sort(random.beta(1.6, 1.2, count) if seed % 2 else random.uniform(size=count))
    moments = now - _HOUR - 90.0 + share * (_HOUR + 85.0)
    production = sight.tracks.get("Production", 0)
    versions = np.where(random.random(count) * 100 < sight.canary, sight.tracks.get("Staging", 0), production)
    late = 1.0 + 1.5 * (share > 0.8) * (sight.failing > 0.01)
    known = {
        "time": moments,
        "version": versions,
        "status": np.where((random.random(count) < sight.failing * late), 500, 200),
        "latency_ms": random.lognormal(np.log(sight.ms), 0.35, count) * late,
        "arm": np.full(count, "champion"),
        "track": np.full(count, "Production"),
        "attempt": np.ones(count, int),
        "rows": np.ones(count, int),
        "generation": np.full(count, 42),
        "prediction_id": [f"{sight.name}-{number}" for number in range(count)],
    }
    columns = {
        each.name: pa.array(known[each.name], each.type) if each.name in known else pa.nulls(count, each.type)
        for each in tables.REQUESTS
    }
    for day in {layout.day(now - 2 * _HOUR), layout.day(now)}:
        place = layout.partition(folder, layout.REQUESTS, sight.name, day, "host")
        place.mkdir(parents=True)
        mine = pa.array([layout.day(each) == day for each in moments.tolist()])
        pq.write_table(pa.table(columns).filter(mine), place / layout.file_name("1-a-1", production, "d"))


def _fields(report: Figures) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__struct_fields__}
