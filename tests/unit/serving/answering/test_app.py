from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY, generate_latest

from cuelight.journal.record import Label, Prediction
from cuelight.journal.writer import Writer
from cuelight.kit.settings import Settings
from cuelight.registry.model import Track
from cuelight.serving.answering.door import Door
from cuelight.serving.answering.outcome import Answer
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host import guest_book, repertoire
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.facts import Phase
from cuelight.serving.host.guest_book import Guest
from cuelight.serving.host.places import Places
from cuelight.serving.host.repertoire import Listed, Listing, Reader, Repertoire
from cuelight.serving.host.wants import Wants
from cuelight.serving.workers.wire import wire
from tests.support.host import eventually
from tests.support.journal import stored
from tests.unit.serving.answering.callbox import answering
from tests.unit.serving.room import Room

if TYPE_CHECKING:
    from cuelight.serving.answering.metrics import Metrics

ZEROS = {"instances": [[0, 0]]}


@pytest.fixture
def client(room: Room, tmp_path: Path, metrics: Metrics, request: pytest.FixtureRequest) -> Iterator[FlaskClient]:
    """A worker's app with model `a b` in Production, without gunicorn; parametrized, with those settings."""
    from cuelight.serving.answering.app import create_app
    from cuelight.serving.answering.parts import Parts

    room.generations.write(Deployment(1, 0.0, {("a b", Track.PRODUCTION): room.served("a b", "1")}))
    room.board.commit(1)
    reader = Reader(room.places.repertoire)
    residents = Residents(room.board, room.generations, room.store, room.places.failures, repertoire=reader)
    residents.start()
    journal = Writer(tmp_path / "journal", "h", sync="none")
    settings = Settings(home=tmp_path, serving_max_body_bytes=1000, **getattr(request, "param", {}))
    yield create_app(Parts(residents, journal, metrics, settings)).test_client()
    residents.stop()
    journal.close()


def test_an_answer_is_journalled_before_it_leaves(client: FlaskClient, tmp_path: Path) -> None:
    """By name and by the only model; the prediction id of the answer is the journal's; labels are too."""
    answers = [client.post(path, json=ZEROS) for path in ("/models/a%20b/invocations", "/invocations")]
    assert [each.get_json() for each in answers] == [{"predictions": [1.0]}] * 2
    ids = [each.headers["X-Prediction-Id"] for each in answers]
    label = client.post("/models/a%20b/feedback", json={"prediction_id": ids[0], "label": 1})
    assert (label.status_code, label.get_json()) == (202, {"accepted": 1})
    records = stored(tmp_path / "journal")
    assert [each.prediction_id for each in records if isinstance(each, Prediction)] == ids
    assert [each.prediction_id for each in records if isinstance(each, Label)] == ids[:1]


@pytest.mark.parametrize("client", [{"journal_record": False}], indirect=True)
def test_requests_are_not_recorded_where_settings_say_so(client: FlaskClient, tmp_path: Path) -> None:
    """The answer is the same; labels that come are kept all the same."""
    answer = client.post("/models/a%20b/invocations", json=ZEROS)
    assert answer.get_json() == {"predictions": [1.0]}
    label = {"prediction_id": answer.headers["X-Prediction-Id"], "label": 1}
    assert client.post("/models/a%20b/feedback", json=label).status_code == 202
    assert [type(each) for each in stored(tmp_path / "journal")] == [Label]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/models/a%20b/versions/0/invocations", 404),
        ("POST", "/models/a%20b/versions/2/invocations", 404),
        ("POST", "/models//invocations", 404),
        ("GET", "//models", 404),
        ("GET", "/invocations", 405),
        ("POST", "/models/x/feedback", 404),
    ],
)
def test_what_is_not_there_is_said_in_the_one_shape(client: FlaskClient, method: str, path: str, status: int) -> None:
    """No version 0 that is Production after all, and no redirect."""
    answer = client.open(path, method=method, json=ZEROS if method == "POST" else None)
    assert (answer.status_code, set(answer.get_json())) == (status, {"error_code", "message", "request_id"})


@pytest.mark.parametrize(("given", "kept"), [("abc 1", True), ("x" * 129, False), ("ü", False), ("", False)])
def test_the_callers_request_id_is_echoed_where_it_is_fit(client: FlaskClient, given: str, kept: bool) -> None:
    """Short and printable, or one of ours takes its place."""
    headers = {"X-Request-Id": given.encode().decode("latin-1")}
    answer = client.post("/models/a%20b/invocations", json=ZEROS, headers=headers)
    assert (answer.headers["X-Request-Id"] == given) is kept
    assert answer.headers["X-Request-Id"]


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    """By its length, in the one shape."""
    answer = client.post("/models/a%20b/invocations", data=b" " * 1001, content_type="application/json")
    assert (answer.status_code, answer.get_json()["error_code"]) == (413, "REQUEST_TOO_LARGE")


def test_pages_say_what_is_served(client: FlaskClient) -> None:
    """Model, track, version and why; alive, ready, and the figures."""
    (model,) = client.get("/models").get_json()["models"]
    track = model["tracks"]["Production"]
    assert (model["name"], track["version"], track["why"], track["loaded"]) == ("a b", 1, "stage", True)
    assert client.get("/models/a%20b").get_json()["tracks"] == model["tracks"]
    assert client.get("/models/x").status_code == 404
    cores = len(os.sched_getaffinity(0))
    assert client.get("/readyz").get_json() == {"ready": True, "generation": 1, "models": 1, "cores": cores}
    for path in ("/ping", "/health", "/livez", "/version", "/metrics"):
        assert client.get(path).status_code == 200, path


OTHERS = {"serving_host": "10.0.0.7", "access_required": True}


@pytest.mark.parametrize("client", [{}, OTHERS], indirect=True)
def test_who_is_about_to_be_stopped_is_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    """For as long as `cuelight drain --here` says so; it goes on answering."""
    leaving = Places(Settings(home=tmp_path).serving_folder).leaving
    leaving.parent.mkdir(parents=True, exist_ok=True)
    leaving.touch()
    assert (client.get("/readyz").status_code, client.get("/livez").status_code) == (503, 200)
    leaving.unlink()
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("client", "says"), [({}, '"ready":true'), (OTHERS, "has just come")], indirect=["client"])
def test_a_host_among_others_is_ready_once_it_serves(client: FlaskClient, room: Room, says: str) -> None:
    """One that has served nothing yet answers 404 where others answer: it is to get nothing."""
    room.board.commit(0)
    eventually(lambda: says in client.get("/readyz").get_data(as_text=True))
    room.board.note_settled(1.0)
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("client", [{"database_url": "sqlite:////nowhere/operations.db"}], indirect=True)
def test_a_host_that_has_just_started_is_not_ready_before_it_knows(client: FlaskClient, room: Room) -> None:
    """What it served before it was stopped may be old: the others answer until it has read the registry anew."""
    room.board.open(time.time())
    eventually(lambda: "has just started" in client.get("/readyz").get_data(as_text=True))
    room.board.note_settled(time.time() + 1.0)
    assert client.get("/readyz").status_code == 200


def test_a_caller_makes_no_series(client: FlaskClient) -> None:
    """Whatever names, versions, tracks, keys and methods callers make up: the page grows by none of them."""

    def series() -> set[str]:
        client.get("/metrics")  # what was gathered is handed over
        return {each.rpartition(" ")[0] for each in generate_latest(REGISTRY).decode().splitlines()}

    def ask(word: str) -> None:
        for path in (f"/models/{word}", f"/models/a%20b/stages/{word}", f"/models/a%20b/aliases/{word}"):
            client.post(f"{path}/invocations", json=ZEROS)
        for version in (word, "7", f"9{len(word)}"):
            client.post("/models/a%20b/invocations", json=ZEROS, headers={"X-Model-Version": version})
        client.post(f"/v2/models/{word}/infer", json=ZEROS)
        client.post(f"/models/{word}/feedback", json={"prediction_id": word, "label": 1})
        client.post("/models/a%20b/invocations", data=word, content_type=word)
        client.post("/models/a%20b/invocations", json=ZEROS, headers={"X-Cuelight-Key": word, "X-Request-Id": word})
        client.open("/models/a%20b/invocations", method=word.upper())

    ask("one")
    known = series()
    for word in ("invented", "pictured", "x" * 300):
        ask(word)
    assert series() == known
    requests = {each for each in known if each.startswith("cuelight_requests_total{")}
    assert {re.sub('.*status="(.+?)".*', r"\1", each) for each in requests} == {"200", "400", "404", "415"}


def test_a_timeout_that_is_no_number_is_400(client: FlaskClient) -> None:
    """Refused before the body is looked at; one that fits changes nothing."""
    for given, status in (("soon", 400), ("10000", 200)):
        answer = client.post("/models/a%20b/invocations", json=ZEROS, headers={"X-Request-Timeout-Ms": given})
        assert answer.status_code == status


ROWS = b"a,b\n" + b"0,0\n" * 400
TERMINATED = {"wsgi.input_terminated": True, "CONTENT_TYPE": "text/csv"}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 413, "REQUEST_TOO_LARGE"),
        ({"CONTENT_LENGTH": "900"}, 400, "BAD_REQUEST"),
    ],
    ids=["too long", "too short"],
)
@pytest.mark.parametrize(("path", "recorded"), [("/invocations", 1), ("/models/a%20b/feedback", 0)])
def test_what_is_left_of_a_body_is_not_taken_for_it(
    path: str, recorded: int, headers: dict[str, str], status: int, code: str, client: FlaskClient, tmp_path: Path
) -> None:
    """Cut at the largest size, or by a caller who left: a table's first rows are not the table."""
    came = io.BytesIO(ROWS if status == 413 else ROWS[:100])
    answer = client.post(path, input_stream=came, environ_overrides=TERMINATED | headers)
    assert (answer.status_code, answer.get_json()["error_code"]) == (status, code)
    assert [each.status for each in stored(tmp_path / "journal") if isinstance(each, Prediction)] == [status] * recorded


@pytest.fixture
def past(client: FlaskClient, room: Room) -> Served:
    """Version 2 of `a b`, on no track and in the store; version 3 is refused, and version 4 is not here yet."""
    served = room.served("a b", "2", 2)
    known = {
        2: Listing(2, 1, phase=Phase.READY, digest=served.digest),
        3: Listing(3, 1, phase=Phase.REFUSED, reason="It is not signed."),
        4: Listing(4, 1),
    }
    repertoire.write(room.places.repertoire, Repertoire({"a b": Listed(known, {"old": 2}), "c": Listed({1: known[4]})}))
    eventually(lambda: client.get("/models/c").status_code == 200)
    return served


def test_a_guest_is_handed_to_the_annex(client: FlaskClient, past: Served, room: Room, tmp_path: Path) -> None:
    """Which answers; while there is none, that is said, and recorded."""
    path = f"/models/a%20b/versions/{past.id.version}/invocations"
    missing = client.post(path, json=ZEROS)
    assert (missing.status_code, "can't be reached" in missing.get_json()["message"]) == (503, True)
    (record,) = [each for each in stored(tmp_path / "journal") if isinstance(each, Prediction)]
    assert (record.model, record.version, record.status) == ("a b", 2, 503)
    assert record.prediction_id == missing.headers["X-Prediction-Id"]
    answer = Answer(200, b"[2.0]", {"X-Prediction-Id": "p", "Content-Type": "application/json"})
    room.places.door.mkdir(parents=True, exist_ok=True)
    with Door(room.places.door).open() as listener:
        calls = answering(listener, wire(answer))
        answered = client.post("/models/a%20b/aliases/old/invocations", json=ZEROS, headers={"X-Request-Id": "mine"})
    assert (answered.status_code, answered.data, answered.headers["X-Prediction-Id"]) == (200, b"[2.0]", "p")
    (call,) = calls
    assert (call.asked.model, call.asked.version, call.asked.alias) == ("a b", "2", "")
    assert (call.request_id, call.client, call.body) == ("mine", "127.0.0.1", b'{"instances": [[0, 0]]}')


def test_what_is_known_of_guests_is_shown(client: FlaskClient, past: Served, room: Room) -> None:
    """What is in the annex's memory; what a version takes and answers; which are ready. Others are asked for."""
    guest = Guest("a b", 2, f"sha256:{past.digest}", "sklearn", "linear", 1000, 0.5)
    guest_book.write(room.places.guests, [guest])
    page = client.get("/models/a%20b").get_json()
    assert (page["on_demand"][0]["version"], page["on_demand"][0]["bytes"], page["aliases"]) == (2, 1000, {"old": 2})
    assert client.get("/models/c").get_json()["on_demand"] == []
    described = client.get("/v2/models/a%20b/versions/2").get_json()
    assert (described["platform"], len(described["inputs"])) == ("mlflow_sklearn", 2)
    ready = [client.get(f"/v2/models/a%20b/versions/{number}/ready") for number in (2, 3, 4, 5)]
    assert [each.status_code for each in ready] == [200, 409, 503, 404]
    assert ready[2].headers["Retry-After"] == "5"
    assert sorted(Wants(room.places.wants).waiting()) == [("a b", 3), ("a b", 4)]
    index = client.post("/v2/repository/index").get_json()
    assert [(each["name"], each["version"]) for each in index] == [("a b", "1"), ("a b", "2")]


def test_labels_name_rows_by_the_key_that_the_follower_wrote_down(
    client: FlaskClient, room: Room, tmp_path: Path
) -> None:
    """Where the model has none, they say how it gets one."""
    key = {"key": 4711, "label": 1}
    refused = client.post("/models/a%20b/feedback", json=key)
    assert refused.status_code == 400
    assert "set cuelight.key on the registered model" in refused.get_json()["message"]
    known = Listed({1: Listing(1, 0)}, key="order_id")
    repertoire.write(room.places.repertoire, Repertoire({"a b": known}))
    eventually(lambda: client.post("/models/a%20b/feedback", json=key).status_code == 202)
    (label,) = (each for each in stored(tmp_path / "journal") if isinstance(each, Label))
    assert (label.key_column, label.key, label.prediction_id) == ("order_id", "4711", "")


def test_labels_of_a_guest_are_taken(client: FlaskClient, past: Served) -> None:
    """Also of a model that has nothing on a track."""
    label = {"prediction_id": "p", "label": 1}
    assert client.post("/models/c/feedback", json=label).status_code == 202
    assert client.post("/models/d/feedback", json=label).status_code == 404
    assert past.id.version == 2
