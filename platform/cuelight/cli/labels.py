"""`cuelight labels`: bring in what turned out to be true."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.kit.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from cuelight.journal.record import Label

_NEEDED = ("prediction_id", "label")
_BATCH = 10_000
_SHOWN = 10


@click.group()
def command() -> None:
    """Labels of predictions, from files."""


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, help="Registered model that made the predictions.")
def import_(file: Path, model: str) -> None:
    """Record the labels in FILE (CSV or Parquet) with the columns prediction_id, row (0 if left out) and label."""
    from cuelight.cli import compose
    from cuelight.journal.query import Journal
    from cuelight.journal.writer import Writer

    settings = compose.settings()
    labels = read_labels(file, model, time.time())
    writer = Writer(settings.journal_folder, settings.host_name, sync="each")
    for start in range(0, len(labels), _BATCH):
        if not writer.append(*labels[start : start + _BATCH]):
            raise Unavailable(
                f"Only {start} labels are recorded: the journal can't be written. Make room, import again."
            )
    writer.close()
    click.echo(f"{len(labels)} labels recorded for {model}.")
    unknown = Journal(settings.journal_folder).unknown(model, [each.prediction_id for each in labels])
    if unknown:
        some = ", ".join(unknown[:_SHOWN]) + (", …" if len(unknown) > _SHOWN else "")
        click.echo(
            f"{len(unknown)} prediction ids are not in the journal yet, their labels wait for them: {some}", err=True
        )


def read_labels(file: Path, model: str, now: float) -> list[Label]:
    """The labels of a file, the last line of a row last.

    Raises:
        BadInput: the file can't be read, or a column or a value is missing; the message says which.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    from cuelight.journal.record import Label

    try:
        table = (
            parquet.read_table(file)
            if file.suffix == ".parquet"
            else csv.read_csv(file, convert_options=_ids_as_text())
        )
        names = table.column_names
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BadInput(f"{file.name} is neither CSV with a header line nor Parquet (by its ending): {error}") from error
    if twice := [name for name in (*_NEEDED, "row") if names.count(name) > 1]:
        raise BadInput(f"{file.name} has column {twice[0]} twice. Leave one.")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise BadInput(
            f"{file.name} has no column {', '.join(missing)}. It needs prediction_id and label, and may have row."
        )
    ids, values = (table.column(name).to_pylist() for name in _NEEDED)
    rows = table.column("row").to_pylist() if "row" in names else [0] * len(ids)
    return [
        _label(number, Label(now, model, each, row, value, source="import"))
        for number, (each, row, value) in enumerate(zip(ids, rows, values, strict=True), start=1)
    ]


def _ids_as_text() -> Any:
    import pyarrow as pa
    from pyarrow import csv

    # An id of digits alone must not lose its zeros.
    return csv.ConvertOptions(column_types={"prediction_id": pa.string(), "row": pa.int64()})


def _label(number: int, label: Label) -> Label:
    if not isinstance(label.prediction_id, str) or not label.prediction_id:
        raise BadInput(f"Label {number} has no prediction_id: it must be a text.")
    if isinstance(label.row, bool) or not isinstance(label.row, int) or label.row < 0:
        raise BadInput(f"Label {number}: row must be a whole number from 0 on.")
    if label.value is None:
        raise BadInput(f"Label {number} is empty. Leave out the rows that have none yet.")
    return label
