"""An installation with a past, backed up while it runs, and restored where there is nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cuelight.cli.archives import archive, databases
from cuelight.journal.record import Label, Prediction
from cuelight.kit.errors import BadInput
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.server_process import READY_PATH
from tests.support import mlflow_server
from tests.support.command import asked
from tests.support.host import POOL, eventually, running
from tests.support.journal import stored
from tests.support.mlflow_server import MlflowServer
from tests.support.postgres import Postgres
from tests.support.registered import Registrar

ROWS = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0], [3.0, 4.0]]}}


@dataclass(frozen=True)
class Past:
    """What was there, and the backup of it."""

    home: Path
    file: Path
    answer: object
    prediction: str


def cuelight(home: Path, *arguments: str, database: str = "") -> subprocess.CompletedProcess[str]:
    """A command on an installation, to its end, in this process."""
    return asked(home.parent, settings_of(home, database), *arguments)


def process(home: Path, *arguments: str, database: str = "") -> subprocess.CompletedProcess[str]:
    """The same as a person runs it."""
    environment = {**os.environ, **settings_of(home, database)}
    command = [sys.executable, "-m", "cuelight.cli", *arguments]
    return subprocess.run(
        command, env=environment, cwd=home.parent, capture_output=True, text=True, timeout=200, check=False
    )


def settings_of(home: Path, database: str) -> dict[str, str]:
    """An installation's, as an environment."""
    return {"CUELIGHT_HOME": str(home), "CUELIGHT_DATABASE_URL": database}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """A version in Production that has answered and got its label; the backup is taken while all of it runs."""
    folder = tmp_path_factory.mktemp("past")
    home, file = folder / "home", folder / "backups" / "today.tar.zst"
    (folder / "cuelight.toml").write_text('[monitoring]\nwindow = "1d"\n')
    with mlflow_server.running(MlflowServer(home / "mlflow")) as server:
        registrar = Registrar(server.url, home / "keys")
        registrar.registry.set_stage("model", registrar.add("model", 7.0), "Production")
        operations = Operations(f"sqlite:///{home / 'operations.db'}", keys=home / "keys")
        with running(home, MlflowRegistry(server.url), registry_uri=server.url, serving_workers=1) as host:
            host.record = operations.record
            host.stop_follower()
            host.start_follower()
            host.wait_for("model", 1)
            answered = host.score("model", ROWS)
            assert answered.status == 200, answered.data
            prediction = answered.headers["X-Prediction-Id"]
            labels = [{"prediction_id": prediction, "row": 0, "label": 7.0}]
            POOL.request("POST", f"{host.url}/models/model/feedback", json={"labels": labels})
            eventually(lambda: operations.history("model"))
            eventually(lambda: {*map(type, stored(home / "journal", "*.closed"))} >= {Prediction, Label})
            done = process(home, "backup", str(file))
            assert done.returncode == 0, done.stderr
        operations.close()
    return Past(home, file, answered.json(), prediction)


def test_restored_into_postgresql_it_serves_the_same_answers(
    past: Past, tmp_path: Path, postgres_server: Postgres
) -> None:
    """Registry, history and keys are there, what is new gets numbers of its own; and back into files, row by row."""
    home, url = tmp_path / "home", postgres_server.url()
    done = process(home, "restore", str(past.file), database=url)
    assert done.returncode == 0, done.stderr
    settings = Settings(home=home, database_url=url)
    operations = Operations(url, keys=settings.keys_folder)
    assert operations.verify() == []
    assert [each.kind for each in operations.history("model")]
    assert (home / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert "1d" in (home / "restored-settings" / "cuelight.toml").read_text()
    place = next(each for each in databases.addresses(settings) if each.name == databases.MLFLOW)
    stores = ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE")
    more = dict.fromkeys(stores, place.url.render_as_string(hide_password=False))
    with mlflow_server.running(MlflowServer(home / "mlflow", more=more)) as server:
        assert POOL.request("GET", server.url + READY_PATH).status == 200
        with running(home, MlflowRegistry(server.url), registry_uri=server.url, serving_workers=1) as host:
            host.wait_for("model", 1)
            assert host.score("model", ROWS).json() == past.answer
            registrar = Registrar(server.url, home / "keys")
            assert registrar.add("model", 8.0) == 2
    operations.record("promoted", "model", 2, {})
    assert operations.verify() == []
    operations.close()
    back = tmp_path / "back"
    assert cuelight(home, "backup", str(tmp_path / "again"), database=url).returncode == 0
    done = cuelight(back, "restore", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert tables(Settings(home=back), tmp_path / "a") == tables(settings, tmp_path / "b")
    verified = cuelight(back, "history", "--verify")
    assert verified.returncode == 0, verified.stdout


def tables(settings: Settings, scratch: Path) -> dict[str, list[bytes]]:
    """All rows of both databases, by table."""
    scratch.mkdir()
    found = {}
    for address in databases.addresses(settings):
        with databases.reading(address, scratch) as connection:
            for table in databases.tables(connection):
                first, *rows = databases.lines(connection, table)
                order = sorted(range(len(names := json.loads(first))), key=names.__getitem__)
                ordered = [json.dumps([json.loads(row)[place] for place in order]).encode() for row in rows]
                found[f"{address.name}.{table.name}"] = sorted(ordered)
    return found


def test_restored_into_files_it_is_what_it_was(past: Past, tmp_path: Path) -> None:
    """Row by row; and with its journal, each record in it once."""
    home = tmp_path / "home"
    done = cuelight(home, "restore", str(past.file))
    assert done.returncode == 0, done.stderr
    assert {name: rows for name, rows in tables(Settings(home=home), tmp_path / "a").items() if rows}
    again = cuelight(home, "compact", "--once")
    assert again.returncode == 0, again.stderr
    recorded = {name: read(home / "journal" / name) for name in ("requests", "rows", "labels")}
    assert {name: table.num_rows for name, table in recorded.items()} == {"requests": 1, "rows": 2, "labels": 1}
    assert set(recorded["labels"]["prediction_id"].to_pylist()) == {past.prediction}
    assert (past.file.stat().st_mode & 0o777, home.stat().st_mode & 0o777) == (0o600, 0o700)
    refused = process(home, "restore", str(past.file))
    assert (refused.returncode, "is not empty" in refused.stderr) == (1, True)
    assert "is there already" in cuelight(home, "backup", str(past.file)).stderr


def read(folder: Path) -> pa.Table:
    """All Parquet files below a folder."""
    return pa.concat_tables([pq.read_table(each, partitioning=None) for each in folder.rglob("*.parquet")])


def test_a_damaged_backup_changes_nothing(past: Past, tmp_path: Path) -> None:
    """A bit that flipped, a member that was exchanged, and a newer schema are found before anything is written."""
    packed = bytearray(past.file.read_bytes())
    packed[len(packed) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(packed)
    (tmp_path / "exchanged").write_bytes(changed(past.file, "home/keys/signing.pem", lambda _: b"another"))
    newer = changed(past.file, "manifest.json", newer_schema)
    (tmp_path / "newer").write_bytes(newer)
    for name, says in (("flipped", "damaged"), ("exchanged", "damaged"), ("newer", "newer Cuelight")):
        done = cuelight(tmp_path / "home", "restore", str(tmp_path / name))
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    gone = cuelight(tmp_path / "home", "restore", str(past.file), database="postgresql://me:secret@127.0.0.1:1/x")
    assert "can't be used" in gone.stderr
    assert "secret" not in gone.stderr
    assert "Traceback" not in gone.stderr
    assert not (tmp_path / "home").exists()


def newer_schema(text: bytes) -> bytes:
    """A manifest with a revision of the operations database that nobody knows yet."""
    manifest = json.loads(text)
    del manifest["seal"]
    manifest["databases"]["operations"]["revision"] = "9999"
    return json.dumps(archive.sealed(manifest)).encode()


def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """A member that would leave the folder, and a link, are refused."""
    for number, member in enumerate((tarfile.TarInfo("home/../../out"), tarfile.TarInfo("home/link"))):
        if number:
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            tar.addfile(member)
        (tmp_path / "archive").write_bytes(zstandard.compress(plain.getvalue()))
        with pytest.raises(BadInput):
            archive.verified(tmp_path / "archive")
        with pytest.raises(BadInput):
            archive.extract(tmp_path / "archive", "home/", tmp_path / "home")
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]


def changed(file: Path, name: str, how: Callable[[bytes], bytes]) -> bytes:
    """The archive with another content in one of its members."""
    plain, target = io.BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(file.read_bytes())), io.BytesIO()
    with tarfile.open(fileobj=plain) as source, tarfile.open(fileobj=target, mode="w") as tar:
        for member in source:
            stream = source.extractfile(member)
            assert stream is not None
            content = stream.read()
            if member.name == name:
                content = how(content)
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return zstandard.compress(target.getvalue())
