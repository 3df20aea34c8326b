"""Batches in one process: order, resuming, bad rows, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cuelight.kit.errors import BadInput, Busy, ModelFault, Unavailable
from cuelight.kit.place import Place
from cuelight.serving.batches.engine import Here, Score
from cuelight.serving.batches.plan import Part
from cuelight.serving.batches.results import Done, Results
from cuelight.serving.versions.loader import Output
from tests.unit.serving.batches.conftest import Desk

FRAME = pd.DataFrame({"a": np.arange(10.0), "b": np.arange(10.0) / 3, "id": [f"n{i}" for i in range(10)]})
ANSWERS = [1 + a + 10 * b for a, b in zip(FRAME["a"], FRAME["b"], strict=True)]


class CutShort:
    """An engine that ends after so many parts, as a killed process does."""

    name = "cut short"

    def __init__(self, after: int) -> None:
        self._after = after

    def run(self, score: Score, parts: Sequence[Part]) -> Iterator[Done]:
        for part in parts[: self._after]:
            yield score(part)
        raise KeyboardInterrupt


def write(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    """A table in the form that its name says; Parquet has row groups of two rows."""
    path = folder / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False, row_group_size=2)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_are_scored_in_order_under_their_numbers(desk: Desk, ending: str) -> None:
    """Each part has up to so many rows; answers are the version's own, bit for bit; inputs are kept on request."""
    first = write(desk.folder, f"1.{ending}", FRAME[:6])
    write(desk.folder, f"2.{ending}", FRAME[6:])
    write(desk.folder, f"_hidden.{ending}", FRAME)
    summary = desk.run(f"*.{ending}", part_rows=4, keep=("id",))
    assert [len(pq.read_table(path)) for path in desk.parts()] == [4, 2, 4]
    assert desk.rows("row", "input.id") == [(i % 6, f"n{i}") for i in range(10)]
    assert [value for (value,) in desk.rows("output.prediction")] == pytest.approx(ANSWERS)
    whole = desk.version.predict(desk.version.decoder.decode("text/csv", _csv(FRAME)).rows, {}).values
    assert [value for (value,) in desk.rows("output.prediction")] == whole.tolist()
    assert {file for (file,) in desk.rows("file")} == {str(first), str(desk.folder / f"2.{ending}")}
    assert (summary.rows, summary.scored, summary.errors, summary.parts) == (10, 10, 0, 3)
    assert desk.told == [(0, 10), (4, 10), (6, 10), (10, 10)]
    assert json.loads((desk.output / "_SUCCESS").read_text())["rows"] == 10


def _csv(frame: pd.DataFrame) -> bytes:
    return bytes(frame[["a", "b"]].to_csv(index=False).encode())


def test_a_batch_that_was_cut_short_goes_on_where_it_was(desk: Desk) -> None:
    """What is finished is not scored again, what a killed writer left goes, and the end is the same as in one go."""
    write(desk.folder, "rows.csv", FRAME)
    with pytest.raises(KeyboardInterrupt):
        desk.run("rows.csv", engine=CutShort(after=2))
    before = desk.stamps()
    assert (len(before), (desk.output / "_SUCCESS").exists()) == (2, False)
    (desk.output / ".part-00000-000002.parquet.x7").write_bytes(b"half")
    (desk.output / "part-00000-000003.parquet").write_bytes(b"no part of ours")
    summary = desk.run("rows.csv")
    assert (summary.rows, summary.scored, summary.parts) == (10, 4, 4)
    assert {name: at for name, at in desk.stamps().items() if name in before} == before
    assert desk.rows("row") == [(i,) for i in range(10)]
    assert [value for (value,) in desk.rows("output.prediction")] == pytest.approx(ANSWERS)
    assert not list(desk.output.glob(".part*"))
    assert desk.run("rows.csv").scored == 0


def test_a_batch_that_was_killed_at_its_very_first_file_goes_on(desk: Desk) -> None:
    """A draft of ours makes a folder nobody else's."""
    write(desk.folder, "rows.csv", FRAME)
    desk.output.mkdir()
    (desk.output / "._batch.json.x7").write_bytes(b"half")
    assert desk.run("rows.csv").rows == 10
    assert not list(desk.output.glob("._*"))


def test_files_of_others_stay(desk: Desk) -> None:
    """Whatever they are called, also where parts are scored anew."""
    write(desk.folder, "rows.csv", FRAME)
    desk.run("rows.csv")
    others = [desk.output / name for name in (".gitignore", ".nfs01", "all.parquet", "part-of.parquet", "notes.txt")]
    for each in others:
        each.write_text("mine")
    write(desk.folder, "rows.csv", FRAME[:4])
    assert desk.run("rows.csv").rows == 4
    assert [each.read_text() for each in others] == ["mine"] * len(others)


def test_another_batch_is_not_mixed_in(desk: Desk) -> None:
    """Another version, other columns, other files, or a folder with something else: refused, with what to do."""
    path = write(desk.folder, "rows.csv", FRAME)
    desk.run("rows.csv")
    with pytest.raises(BadInput, match=r"begun with version 3 \(now 4\)\. .*--version 3"):
        desk.run("rows.csv", version=4)
    with pytest.raises(BadInput, match=r"begun with digest d+ \(now e+\)\. That version is there no more"):
        desk.run("rows.csv", digest="e" * 64)
    with pytest.raises(BadInput, match="begun with keep"):
        desk.run("rows.csv", keep=("id",))
    write(desk.folder, "more.csv", FRAME)
    with pytest.raises(BadInput, match=r"begun with other files: .*more\.csv"):
        desk.run("*.csv")
    with pytest.raises(BadInput, match="holds other files"):
        desk.run("rows.csv", output=str(path.parent))


def test_an_output_beside_its_tables_is_none_of_them(desk: Desk) -> None:
    """A pattern that reaches into it stands for the same tables when the batch goes on."""
    (desk.folder / "tables").mkdir()
    write(desk.folder, "tables/rows.parquet", FRAME)
    assert desk.run("*/*.parquet", keep=("a", "b")).scored == 10
    again = desk.run("*/*.parquet", keep=("a", "b"))
    assert (again.rows, again.scored) == (10, 0)


def test_a_mended_file_is_scored_anew_and_no_other(desk: Desk) -> None:
    """Its parts are replaced, those that it has no more are gone, and the summary names it."""
    write(desk.folder, "1.csv", FRAME)
    write(desk.folder, "2.csv", FRAME)
    desk.run("*.csv")
    before = desk.stamps()
    write(desk.folder, "2.csv", FRAME[:4] + {"a": 1.0, "b": 0.0, "id": ""})
    summary = desk.run("*.csv")
    assert (summary.rows, summary.scored, list(summary.changed)) == (14, 4, [str(desk.folder / "2.csv")])
    after = desk.stamps()
    assert [name for name in before if after.get(name) == before[name]] == [
        f"part-00000-{i:06d}.parquet" for i in range(4)
    ]
    values = [value for (value,) in desk.rows("output.prediction")]
    assert values == pytest.approx(ANSWERS + [each + 1 for each in ANSWERS[:4]])


def test_nothing_of_a_file_as_it_was_stays_beside_it(desk: Desk) -> None:
    """Neither its answers, though scoring it anew is cut short, nor rows that had none."""
    write(desk.folder, "1.csv", FRAME[:3])
    write(desk.folder, "2.csv", FRAME.astype({"a": object}).replace({"a": {8.0: "x"}}))
    desk.run("*.csv", max_errors=1)
    assert [row for row, _ in desk.faults()] == [8]
    write(desk.folder, "2.csv", FRAME[:5] * 2)
    with pytest.raises(KeyboardInterrupt):
        desk.run("*.csv", engine=CutShort(after=0))
    assert desk.rows("row") == [(0,), (1,), (2,)]
    assert desk.faults() == []
    assert desk.run("*.csv").rows == 8


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_is_written_anew_meanwhile_is_told(desk: Desk, ending: str) -> None:
    """What was cut by one content is not scored by another; the next run has the new one."""
    write(desk.folder, f"rows.{ending}", FRAME)

    class Overtaken(Here):
        def run(self, score: Score, parts: Sequence[Part]) -> Iterator[Done]:
            for number, done in enumerate(super().run(score, parts)):
                yield done
                if number == 0:
                    write(desk.folder, f"rows.{ending}", FRAME[["a", "b"]][::-1] * 10)

    with pytest.raises(BadInput, match=rf"rows\.{ending} was written anew"):
        desk.run(f"rows.{ending}", engine=Overtaken())
    assert (len(desk.parts()), (desk.output / "_SUCCESS").exists()) == (1, False)
    assert desk.run(f"rows.{ending}").scored == 10
    values = [value for (value,) in desk.rows("output.prediction")]
    assert values == pytest.approx([10 * each - 9 for each in ANSWERS[::-1]])


def test_all_parts_have_the_same_columns(desk: Desk) -> None:
    """Readers of the folder take it for one table: a part without any answer has no file, and is done all the same."""
    write(desk.folder, "rows.csv", FRAME.astype({"a": object}).replace({"a": dict.fromkeys((0.0, 1.0, 2.0), "x")}))
    assert desk.run("rows.csv", max_errors=3).errors == 3
    (count,) = duckdb.sql(f"SELECT count(\"output.prediction\") FROM '{desk.output}/part-*.parquet'").fetchall()[0]
    assert (count, [row for row, _ in desk.faults()]) == (7, [0, 1, 2])
    again = desk.run("rows.csv", max_errors=3)
    assert (again.scored, again.errors, again.rows) == (0, 3, 10)
    with pytest.raises(BadInput, match="3 rows have no answer"):
        desk.run("rows.csv", max_errors=2)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_bad_row_stops_the_batch_unless_it_may_fail(desk: Desk, ending: str) -> None:
    """The message names file, row and reason, and no value; allowed, it is written down and the others are scored."""
    bad = FRAME.astype({"a": object}).copy()
    bad.loc[[1, 7], "a"] = np.inf
    path = write(desk.folder, f"rows.{ending}", bad.astype({"a": float}) if ending == "parquet" else bad)
    with pytest.raises(BadInput, match=rf"rows\.{ending}, row 1: Column `a`, row 1: .*--max-errors"):
        desk.run(f"rows.{ending}", part_rows=4)
    with pytest.raises(BadInput, match="2 rows have no answer, and --max-errors 1 are allowed"):
        desk.run(f"rows.{ending}", part_rows=4, max_errors=1)
    assert desk.rows("row") == [(0,), (2,), (3,), (4,), (5,), (6,)]  # what was finished by then stays
    with pytest.raises(BadInput, match="2 rows have no answer, and --max-errors 1 are allowed"):
        desk.run(f"rows.{ending}", part_rows=4, max_errors=1)
    summary = desk.run(f"rows.{ending}", part_rows=4, max_errors=2)
    assert (summary.rows, summary.errors, summary.scored) == (10, 2, 2)
    good = [i for i in range(10) if i not in (1, 7)]
    assert desk.rows("row") == [(i,) for i in good]
    assert [value for (value,) in desk.rows("output.prediction")] == pytest.approx([ANSWERS[i] for i in good])
    faults = desk.faults()
    assert [row for row, _ in faults] == [1, 7]
    assert all("inf" not in reason.lower().replace("finite", "") for _, reason in faults)
    write(desk.folder, path.name, FRAME)
    assert desk.run(f"rows.{ending}", part_rows=4).errors == 0
    assert desk.faults() == []


def test_a_row_on_which_the_model_fails_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it raised is named, and not what it said; a model that does not answer by rows stops the batch."""
    write(desk.folder, "rows.csv", FRAME)
    predict = desk.version.predict

    def moody(rows: Any, parameters: Any) -> Output:
        if (rows.columns["a"] == 5.0).any():
            raise ValueError("secret 5.0")
        return predict(rows, parameters)

    object.__setattr__(desk.version, "predict", moody)
    assert desk.run("rows.csv", max_errors=1).errors == 1
    assert desk.faults() == [(5, "The model raised ValueError.")]
    object.__setattr__(desk.version, "predict", lambda *_: Output(np.zeros(2)))
    with pytest.raises(ModelFault, match="one prediction for each of the 3 rows"):
        desk.run("rows.csv", output=str(desk.folder / "other"))


def test_a_model_adds_up_by_one_thread_wherever_it_is_asked(desk: Desk) -> None:
    """With another number of threads, sums of many columns or trees come in another order, and round otherwise."""
    write(desk.folder, "rows.csv", FRAME)
    predict, seen = desk.version.predict, []

    def watched(rows: Any, parameters: Any) -> Output:
        blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
        seen.append((set(blas), joblib.effective_n_jobs(-1)))
        return predict(rows, parameters)

    object.__setattr__(desk.version, "predict", watched)
    with threadpool_limits(2), joblib.parallel_config(backend="threading"):
        desk.run("rows.csv", part_rows=10)
    assert seen == [({1}, 1)]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.csv", "a\n1\n", r"rows\.csv: Missing columns: b"),
        ("rows.csv", "a,b,a\n1,2,3\n", "twice"),
        ("rows.csv", 'a,b\n"1,2\n', "never closed"),
        ("rows.csv", "", "a header line"),
        ("rows.txt", "a,b\n1,2\n", r"must end in \.csv or \.parquet"),
        ("rows.parquet", "a,b\n1,2\n", "can't be read as Parquet"),
        ("others.csv", "a,b\n1,2\n", "No file matches"),
    ],
)
def test_what_can_not_be_scored_is_told_before_anything_is(desk: Desk, name: str, content: str, told: str) -> None:
    """No output is made."""
    (desk.folder / name).write_text(content)
    with pytest.raises(BadInput, match=told):
        desk.run("rows.*")
    assert not desk.output.exists()


def test_a_page_that_is_damaged_is_told_with_its_file(desk: Desk) -> None:
    """Of a Parquet file whose footer can be read."""
    path = write(desk.folder, "rows.parquet", FRAME)
    start = pq.read_metadata(path).row_group(0).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises((BadInput, Unavailable), match=r"rows\.parquet can't be read"):
        desk.run("rows.parquet")


def test_one_batch_writes_to_a_folder_at_a_time(desk: Desk) -> None:
    """Another one is told so, and may try later."""
    write(desk.folder, "rows.csv", FRAME)
    with Results(Place.of(str(desk.output))).alone(), pytest.raises(Busy, match="Another"):
        desk.run("rows.csv")
    assert desk.run("rows.csv").rows == 10


def test_several_outputs_and_probabilities_have_names_as_in_the_journal(desk: Desk) -> None:
    """Numbers keep their type; texts and what is named come as they are."""
    from cuelight.serving.batches.answers import columns

    wide = columns(Output(np.array([[1, 2], [3, 4]], np.float32)), 2)
    assert {name: str(each.type) for name, each in wide.items()} == dict.fromkeys(
        ("output.prediction0", "output.prediction1"), "float"
    )
    named = columns(Output(pd.DataFrame({"low": [1.0, 2.0], "note": ["x", None]})), 2)
    assert {name: each.to_pylist() for name, each in named.items()} == {
        "output.low": [1.0, 2.0],
        "output.note": ["x", None],
    }
    classes = columns(
        Output(np.array(["no", "yes"]), {"classes": ["no", "yes"], "values": [[0.9, 0.1], [0.2, 0.8]]}), 2
    )
    assert {name: each.to_pylist() for name, each in classes.items()} == {
        "output.prediction": ["no", "yes"],
        "output.proba.no": [0.9, 0.2],
        "output.proba.yes": [0.1, 0.8],
    }


def test_urls_are_read_and_written_by_fsspec(desk: Desk) -> None:
    """Tables in an object store (here one in memory) go the same way, and come out the same."""
    import fsspec

    store = fsspec.filesystem("memory")
    for number, rows in ((1, FRAME[:5]), (2, FRAME[5:])):
        store.pipe_file(f"/batch/in/{number}.csv", rows.to_csv(index=False).encode())
    store.pipe_file("/batch/in/deeper/3.csv", b"")
    chosen: dict[str, Any] = {"source": "memory://batch/in/*.csv", "output": "memory://batch/out"}
    assert (desk.run(**chosen).scored, desk.run(**chosen).scored) == (10, 0)
    parts = sorted(store.glob("/batch/out/part-*"))
    tables = [pq.read_table(store.open(path)).to_pydict() for path in parts]
    assert [row for each in tables for row in each["row"]] == [*range(5), *range(5)]
    assert [value for each in tables for value in each["output.prediction"]] == pytest.approx(ANSWERS)


def test_urls_that_nothing_reads_are_told() -> None:
    """A scheme that neither PyArrow nor fsspec knows, and an address that does not answer."""
    with pytest.raises(BadInput, match="nowhere:// URLs"):
        Place.of("nowhere://bucket/rows.csv")
    with pytest.raises((BadInput, Unavailable)):
        Place.of("file:///not/there/rows.csv").open()
