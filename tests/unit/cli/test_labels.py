from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from cuelight.cli.labels import command, read_labels
from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.kit.errors import BadInput
from cuelight.serving.host.deployment import Deployment, Generations
from tests.support.journal import prediction, write


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose journal has two predictions of model `m`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("CUELIGHT_JOURNAL_RETENTION_DAYS", "100000")
    rows = [{"x": 1.0, "city": "Oslo"}, {"x": 2.0, "city": "Rome"}]
    write(tmp_path / "journal", prediction(0, rows=rows), prediction(1))
    Compactor(tmp_path / "journal", retention_days=1e5).run_once()
    return tmp_path / "journal"


def _import(file: Path) -> Result:
    return CliRunner().invoke(command, ["import", str(file), "--model", "m"])


def test_labels_of_a_csv_file_are_joined(journal: Path, tmp_path: Path) -> None:
    """Each line becomes the label of its row; unknown ids are reported, and kept for when they come."""
    file = tmp_path / "labels.csv"
    file.write_text("row,prediction_id,label\n1,p0,2.5\n0,p1,3\n0,007,4\n")
    result = _import(file)
    assert result.exit_code == 0
    assert "3 labels recorded for m." in result.output
    assert "1 labels belong to no row in the journal yet, they wait for it: 007" in result.output
    write(journal, prediction(7, prediction_id="007"))
    Compactor(journal, retention_days=1e5).run_once()
    frame = Journal(journal).labelled(Query("m"))
    assert list(zip(frame["prediction_id"], frame["row"], frame["label"], strict=True)) == [
        ("p0", 1, 2.5),
        ("p1", 0, 3.0),
        ("007", 0, 4.0),
    ]


def test_labels_of_a_parquet_file_keep_their_type(journal: Path, tmp_path: Path) -> None:
    """Without a row column a label is the first row's; booleans stay booleans."""
    file = tmp_path / "labels.parquet"
    pd.DataFrame({"prediction_id": ["p0", "p1"], "label": [True, False]}).to_parquet(file)
    assert _import(file).exit_code == 0
    Compactor(journal, retention_days=1e5).run_once()
    frame = Journal(journal).labelled(Query("m"))
    assert list(zip(frame["row"], frame["label"], strict=True)) == [(0, True), (0, False)]


def test_labels_of_a_file_may_name_rows_by_a_key(journal: Path, tmp_path: Path) -> None:
    """By the value of an input column; one that no row has is reported, kept, and listed."""
    for name, keys in (("labels.csv", "city,key,label\n-,Rome,2.5\n-,007,4\n"), ("labels.parquet", "")):
        file = tmp_path / name
        file.write_text(keys) if keys else pd.DataFrame({"key": ["Rome"], "label": [3.5]}).to_parquet(file)
        result = CliRunner().invoke(command, ["import", str(file), "--model", "m", "--key", "city"])
        assert result.exit_code == 0
        assert ("1 labels belong to no row in the journal yet, they wait for it: city = 007" in result.output) == bool(
            keys
        )
    frame = Journal(journal).labelled(Query("m"))
    assert list(zip(frame["prediction_id"], frame["row"], frame["label"], strict=True)) == [("p0", 1, 3.5)]
    listed = CliRunner().invoke(command, ["unknown", "m"])
    assert "1 labels of m belong to no row of the journal." in listed.output
    assert "city = 007" in listed.output
    found = json.loads(CliRunner().invoke(command, ["unknown", "m", "--json"]).output)
    assert (found["key_column"], found["key"], found["label"], found["prediction_id"]) == ("city", "007", 4.0, None)
    assert "0 labels of other belong" in CliRunner().invoke(command, ["unknown", "other"]).output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("label\n1\n", "no column prediction_id. It needs label and prediction_id, and may have row, or label and key"),
        ("prediction_id,key,label\np0,1,2\n", "both prediction_id and key"),
        ("key,label\n,1\n", "Label 1 has no key"),
        ("key,label\n7,\n", "Label 1 is empty"),
        ("prediction_id\np0\n", "no column label"),
        ("prediction_id,label\n,1\n", "Label 1 has no prediction_id"),
        ("prediction_id,label\np0,1\np1,\n", "Label 2 is empty"),
        ("prediction_id,row,label\np0,-1,1\n", "whole number from 0"),
        ("prediction_id,row,label\np0,one,1\n", "neither CSV"),
        ("prediction_id,label,label\np0,1,2\n", "has column label twice"),
        ("\udcd4\udcff,label\np0,1\n", "neither CSV"),
        ("", "neither CSV"),
    ],
)
def test_a_file_with_a_mistake_is_refused_whole(tmp_path: Path, content: str, says: str) -> None:
    """Nothing of a file is recorded if a line of it is wrong, and the message says which."""
    file = tmp_path / "labels.csv"
    file.write_text(content, errors="surrogateescape")
    with pytest.raises(BadInput, match=says):
        read_labels(file, "m", 0.0)


def test_a_personal_column_is_no_key(journal: Path, tmp_path: Path) -> None:
    """Its values would reach the disk with the labels."""
    generations = Generations(tmp_path / "serving" / "generations")
    generations.write(Deployment(1, personal={"m": ("city",)}))
    generations.note_committed(1)
    file = tmp_path / "labels.csv"
    file.write_text("key,label\nOslo,1\n")
    result = CliRunner().invoke(command, ["import", str(file), "--model", "m", "--key", "city"])
    assert isinstance(result.exception, BadInput)
    assert "Oslo" not in str(result.exception)
    assert not list((journal / "segments").glob("*/*"))
