"""The examples in the pages run, and answer what the pages say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.configuration import read
from cuelight.kit.signing import SigningKey
from cuelight.pipelines import catalog
from cuelight.pipelines.data import prepare
from cuelight.pipelines.split import split
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.trusted_types import allowed_types
from tests.docs.pages import Block, blocks, text
from tests.support.host import Host, running

ADDRESS = "127.0.0.1:8080"
PAGES = (
    "docs/quickstart.md",
    "docs/scoring-protocol.md",
    "docs/how-to/score.md",
    "docs/how-to/call-from-mlflow.md",
    "docs/how-to/send-labels.md",
)
_RUN = re.compile(r"^(?:id=\$\()?(?:curl|cuelight score|mlflow deployments) ", re.MULTILINE)
_BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A serving host with the two models that the pages score, as `cuelight train` fits them, in Production."""
    registry = MemoryRegistry()
    with running(tmp_path_factory.mktemp("host"), registry, journal_segment_seconds=0.5) as host:
        for name in ("linear", "doctor_visits"):
            put_into_production(name, registry, tmp_path_factory.mktemp("model") / name, host.settings.keys_folder)
        for name in ("linear", "doctor_visits"):
            host.wait_for(name, 1)
        yield host


def put_into_production(name: str, registry: MemoryRegistry, folder: Path, keys: Path) -> None:
    """Fit a shipped pipeline on the rows that training fits on, save it as MLflow does, sign and register it."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    pipeline = catalog.find(name, {})
    data = prepare(pipeline, pipeline.load())
    rows = split(len(data), pipeline.held_out, pipeline.seed, data.times, data.groups).fit
    features, estimator = data.features.iloc[rows], pipeline.estimator()
    assert data.truth is not None
    estimator.fit(features, data.truth[rows])
    mlflow.sklearn.save_model(
        estimator,
        folder,
        serialization_format="skops",
        skops_trusted_types=sorted(allowed_types()),
        signature=infer_signature(features, estimator.predict(features)),
        input_example=features.head(2),
        pip_requirements=["scikit-learn"],
    )
    manifest = Manifest.of_folder(folder, name, "r" * 32)
    signed = manifest.signed(SigningKey.load_or_create(keys))
    registry.create_model(name)
    version = registry.create_version(name, str(folder), "r" * 32, signed).version
    registry.set_stage(name, version, "Production")


@pytest.mark.parametrize("name", PAGES)
def test_requests_are_answered_as_the_page_says(name: str, host: Host, tmp_path: Path) -> None:
    """Every `curl`, `cuelight score` and runnable Python block of the page runs; shown answers are those that come.

    In shown answers `…` stands for anything, and numbers are rounded. Requests in one block without a shown answer
    ask the same, so their answers are equal.
    """
    found, run = blocks(name), 0
    for block, following in zip(found, [*found[1:], Block("", "")], strict=True):
        if block.mark[0] == "runnable":
            words = block.mark[1].split()
            (tmp_path / words[0]).write_text(block.text.replace(ADDRESS, _where(host)))
            execute([sys.executable, *words], host, tmp_path)
        elif block.language == "sh" and _RUN.search(block.text):
            script = block.text.replace(ADDRESS, _where(host))
            said = execute(["bash", "-euo", "pipefail", "-c", script], host, tmp_path)
            compare(said, following)
        else:
            continue
        run += 1
    assert run


def _where(host: Host) -> str:
    return host.url.removeprefix("http://")


def execute(arguments: list[str], host: Host, folder: Path) -> str:
    """Run a command as a reader would, against the test's host; its output."""
    settings = host.settings
    environment = {"CUELIGHT_SERVING_PORT": str(settings.serving_port), "CUELIGHT_HOME": str(settings.home)}
    path = {"PATH": f"{_BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        arguments, cwd=folder, env=os.environ | environment | path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def compare(said: str, shown: Block) -> None:
    """Hold what was answered against the block that follows in the page."""
    if shown.language == "http":
        head = said.replace("\r", "").partition("\n\n")[0].splitlines()
        for line in shown.text.splitlines():
            pattern = re.escape(line).replace("…", ".+")
            assert any(re.fullmatch(pattern, each) for each in head), f"no {line!r} in {head}"
        return
    answers = list(documents(said))
    if shown.language == "json":
        assert alike(answers[-1], json.loads(shown.text)), f"{answers[-1]} is not {shown.text}"
    else:
        assert answers
        assert all("predictions" in each and each == answers[0] for each in answers), said


def documents(said: str) -> Iterator[Any]:
    """The JSON documents in a command's output."""
    rest = said.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        yield document
        rest = rest[end:].strip()


def alike(real: Any, shown: Any) -> bool:
    """Whether a real value is the one shown, up to `…` and rounding to the digits shown."""
    if shown == "…":
        return bool(real)
    if isinstance(shown, dict):
        return isinstance(real, dict) and real.keys() == shown.keys() and all(alike(real[k], shown[k]) for k in shown)
    if isinstance(shown, list):
        return len(real) == len(shown) and all(map(alike, real, shown))
    if isinstance(shown, float):
        return bool(round(real, len(str(shown).partition(".")[2])) == shown)
    return bool(real == shown)


def test_labels_from_the_quickstart_are_joined(host: Host, tmp_path: Path) -> None:
    """After the quickstart's traffic, the journal has a label for each of its thousand rows."""
    from cuelight.journal.compactor import Compactor
    from cuelight.journal.query import Journal, Query
    from tests.support.host import eventually

    block = next(each for each in blocks("docs/quickstart.md") if each.mark[0] == "runnable")
    (tmp_path / "traffic.py").write_text(block.text.replace(ADDRESS, _where(host)))
    assert "1000" in execute([sys.executable, "traffic.py", "2"], host, tmp_path)

    def labelled() -> bool:
        Compactor(host.settings.journal_folder).run_once()
        return len(Journal(host.settings.journal_folder).labelled(Query("doctor_visits"))) >= 1000

    eventually(labelled, reason="labels are missing from the journal")


def test_the_table_of_strictness_is_true(host: Host) -> None:
    """What the page says is answered by 400 is, and what it says is taken is."""
    records = "application/json", '{{"dataframe_records": [{{"x0": {}, "x1": 0, "x2": 0, "x3": 0, "x4": 0}}]}}'
    for value in ('"5.1"', "true", "NaN", "Infinity", "9007199254740993"):
        answer = host.score("linear", records[1].format(value).encode(), **{"Content-Type": records[0]})
        assert (answer.status, value) == (400, value)
    for body in (
        '{"dataframe_records": [{"x0": 0, "x1": 0, "x2": 0, "x3": 0, "x4": 0}], "extra": 1}',
        '{"dataframe_records": [{"x0": 0, "x1": 0, "x2": 0, "x3": 0, "x4": 0}, {"x0": 0}]}',
    ):
        assert host.score("linear", body.encode(), **{"Content-Type": records[0]}).status == 400
    assert host.score("linear", records[1].format("3.5").encode(), **{"Content-Type": records[0]}).status == 200


def test_the_pipeline_of_the_how_to_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The how-to's files, put where it says beside the scaffold, make a pipeline that is found, fits, and passes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    subprocess.run([sys.executable, "-m", "cuelight.cli", "init"], cwd=tmp_path, check=True, capture_output=True)
    for block in blocks("docs/how-to/add-a-pipeline.md"):
        if block.mark[0] in ("runnable", "file"):
            (tmp_path / block.mark[1]).write_text(block.text)
    settings = read(tomllib.loads((tmp_path / "cuelight.toml").read_text()))
    assert set(settings.pipelines) == {"diabetes", "houses"}
    for name in settings.pipelines:
        pipeline = catalog.find(name, settings.pipelines)
        data = prepare(pipeline, pipeline.load())
        parts = split(len(data), pipeline.held_out, pipeline.seed)
        assert data.truth is not None
        estimator = pipeline.estimator().fit(data.features.iloc[parts.fit], data.truth[parts.fit])
        score = estimator.score(data.features.iloc[parts.held_out], data.truth[parts.held_out])
        assert score >= pipeline.gate.floors["r2"]


@pytest.mark.server
def test_the_scaffold_of_the_how_to_trains(mlflow_server: str, tmp_path: Path) -> None:
    """The how-to's first block, run as it stands, ends with a version in Staging."""
    block = next(each for each in blocks("docs/how-to/add-a-pipeline.md") if each.language == "sh")
    environment = {"CUELIGHT_REGISTRY_URI": mlflow_server, "PATH": f"{_BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"diabetes version \d+: in Staging", done.stdout)


def test_the_demo_excerpt_is_the_demo() -> None:
    """The steps that the page shows are those that the demo's story says."""
    steps = re.findall(r"^\d (.+)$", text("docs/demo.md").partition("```text")[2].partition("```")[0], re.MULTILINE)
    source = text("platform/cuelight/cli/demonstration/story.py")
    assert len(steps) == 8
    for step in steps:
        start = re.split(r"[\d(]", step)[0].strip()
        assert start in source, step


def test_the_alert_of_the_how_to_is_what_is_sent() -> None:
    """The shown JSON has the names and the form that a webhook gets."""
    from cuelight.monitoring.alerts.webhook import generic
    from cuelight.monitoring.alerts.wording import message
    from cuelight.operations.history import Event

    shown = next(json.loads(each.text) for each in blocks("docs/how-to/get-alerts.md") if each.language == "json")
    detail = {"track": "Production", "to": 2, "reason": "It fails."}
    event = Event(1, "local", 1, 1_795_371_310.789, "rolled-back", "churn", 3, detail, "hash")
    sent = generic(message("rolled-back:churn:3", event, "http://127.0.0.1:8080/mlflow"))
    assert (list(sent), len(sent["id"]), len(sent["at"])) == (list(shown), len(shown["id"]), len(shown["at"]))
    same = ("topic", "severity", "title", "model", "version", "link", "recovered")
    assert {name: sent[name] for name in same} == {name: shown[name] for name in same}
    assert sent["text"].startswith(shown["text"].removesuffix("…"))


def test_the_simulation_of_the_how_to_gains(tmp_path: Path) -> None:
    """The how-to's table is made and played as it says, in a folder without settings: the loop is better on it."""
    made, shell = (each for each in blocks("docs/how-to/try-the-loop-on-your-data.md") if each.mark[0])
    (tmp_path / made.mark[1]).write_text(made.text)
    path = {"PATH": f"{_BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shell.text],
        cwd=tmp_path,
        env=os.environ | path,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert "doctor_visits: 16,152 rows" in done.stdout
    assert "The loop is better" in done.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == ["visits.csv", "visits.png", "visits.py"]
