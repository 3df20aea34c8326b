"""`cuelight labels`: bring in what turned out to be true."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.cli import completion, output
from cuelight.kit.errors import BadInput, NotFound, Unavailable

if TYPE_CHECKING:
    from cuelight.journal.record import Label
    from cuelight.kit.settings import Settings

_ID, _KEY = "prediction_id", "key"
_BATCH = 10_000
_SHOWN = 10


@click.group()
def command() -> None:
    """Labels of predictions, from files.

    Example: cuelight labels import truth.csv --model churn
    """


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model", required=True, shell_complete=completion.models, help="Registered model that made the predictions."
)
@click.option("--key", "column", help="Input column that the file's keys are values of; else what cuelight.key says.")
@output.json_option
def import_(file: Path, model: str, column: str | None, as_json: bool) -> None:
    """Record the labels in FILE (CSV or Parquet) with the columns prediction_id, row (0 if left out) and label.

    Instead of prediction_id and row it may have the column key: the label is that of the newest row before now with
    this value in the model's key column.

    Example: cuelight labels import truth.parquet --model churn --key order_id
    """
    from cuelight.cli import compose
    from cuelight.journal.writer import Writer

    settings = compose.settings()
    labels = read_labels(file, model, time.time(), lambda: _named(settings, model, column))
    writer = Writer(settings.journal_folder, settings.host_name, sync="each")
    for start in output.steps(range(0, len(labels), _BATCH), f"Recording labels of {model}"):
        if not writer.append(*labels[start : start + _BATCH]):
            raise Unavailable(
                f"Only {start} labels are recorded: the journal can't be written. Make room, import again."
            )
    writer.close()
    if not as_json:
        click.echo(f"{len(labels)} labels recorded for {model}.")
    compose.compactor(settings).run_once()
    without_row = _without_row(settings.journal_folder, labels)
    if as_json:
        click.echo(json.dumps({"model": model, "labels": len(labels), "unknown": without_row}))
    else:
        _tell_unknown(without_row)


@command.command("unknown")
@click.argument("name", shell_complete=completion.models)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def unknown_(name: str, limit: int, as_json: bool) -> None:
    """Labels of model NAME that belong to no row of the journal: they wait for it, or their id or key is wrong.

    Example: cuelight labels unknown churn
    """
    from rich.table import Table
    from rich.text import Text

    from cuelight.cli import compose
    from cuelight.journal.labels import unknown
    from cuelight.kit.clock import utc

    settings = compose.settings()
    compose.compactor(settings).run_once()
    found = unknown(settings.journal_folder, name)
    if as_json:
        for each in found[:limit]:
            click.echo(json.dumps({**each, "label": json.loads(each["label"])}))
        return
    table = Table("Time (UTC)", "Row", "Label", "Source", box=None, pad_edge=False)
    for each in found[:limit]:
        table.add_row(*(Text(cell) for cell in (utc(each["time"]), _words(each), each["label"], each["source"])))
    console = output.console()
    console.print(f"{len(found):,} labels of {name} belong to no row of the journal.", highlight=False)
    if found:
        console.print(table)


def _named(settings: Settings, model: str, column: str | None) -> str:
    """The column that keys are values of: as the caller says, else as the registry does.

    Raises:
        BadInput: there is none, or what this host serves says that it is personal.
    """
    if not column:
        return _key_column(model)
    from cuelight.serving.host.deployment import Generations
    from cuelight.serving.host.places import Places

    generations = Generations(Places(settings.serving_folder).generations)
    if column in generations.read(generations.committed()).personal.get(model, ()):
        raise BadInput(f"{column} is personal: its values are not in the journal. Name rows by prediction_id.")
    return column


def _key_column(model: str) -> str:
    from cuelight.cli import compose
    from cuelight.registry.key import how, key_column

    models = compose.registry(compose.settings()).snapshot().models
    if model not in models:
        raise NotFound(f"The registry has no model {model!r}. Name the column of the keys by --key.")
    if not (column := key_column(models[model])):
        raise BadInput(f"{how(model)} Or name it by --key.")
    return column


def _without_row(folder: Path, labels: Sequence[Label]) -> list[str]:
    """Which of the labels belong to no row of the journal yet."""
    from cuelight.journal.labels import unknown

    mine = {(each.prediction_id or None, each.row if each.prediction_id else None, each.key or None) for each in labels}
    found = (
        [each for each in unknown(folder, labels[0].model) if (each[_ID], each["row"], each[_KEY]) in mine]
        if labels
        else []
    )
    return list(dict.fromkeys(_words(each) for each in found))


def _tell_unknown(names: Sequence[str]) -> None:
    if names:
        some = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        click.echo(f"{len(names)} labels belong to no row in the journal yet, they wait for it: {some}", err=True)


def _words(unknown: Mapping[str, Any]) -> str:
    """The row that an unknown label names."""
    if unknown[_KEY] is not None:
        return f"{unknown['key_column']} = {unknown[_KEY]}"
    return f"{unknown[_ID]}" + (f", row {unknown['row']}" if unknown["row"] else "")


def read_labels(file: Path, model: str, now: float, key_column: Callable[[], str] = str) -> list[Label]:
    """The labels of a file, the last line of a row last; `key_column` is asked where it has keys.

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
    _check_columns(file.name, names)
    values = table.column("label").to_pylist()
    if _KEY in names:
        column = key_column()
        keys = [_as_key(number, each) for number, each in enumerate(table.column(_KEY).to_pylist(), start=1)]
        found = [
            Label(now, model, "", 0, value, "import", column, key) for key, value in zip(keys, values, strict=True)
        ]
    else:
        ids = table.column(_ID).to_pylist()
        rows = table.column("row").to_pylist() if "row" in names else [0] * len(ids)
        found = [Label(now, model, *each, source="import") for each in zip(ids, rows, values, strict=True)]
    return [_label(number, each) for number, each in enumerate(found, start=1)]


def _check_columns(file: str, names: Sequence[str]) -> None:
    if twice := [name for name in (_ID, "row", _KEY, "label") if names.count(name) > 1]:
        raise BadInput(f"{file} has column {twice[0]} twice. Leave one.")
    if _ID in names and _KEY in names:
        raise BadInput(f"{file} has both prediction_id and key. Leave one.")
    missing = [name for name in ("label",) if name not in names]
    missing += [] if _ID in names or _KEY in names else [_ID]
    if missing:
        raise BadInput(
            f"{file} has no column {', '.join(missing)}. It needs label and prediction_id, and may have row, "
            "or label and key."
        )


def _ids_as_text() -> Any:
    import pyarrow as pa
    from pyarrow import csv

    # An id of digits alone must not lose its zeros.
    return csv.ConvertOptions(column_types={_ID: pa.string(), "row": pa.int64(), _KEY: pa.string()})


def _as_key(number: int, key: Any) -> str:
    if isinstance(key, bool) or not isinstance(key, int | str) or key == "":
        raise BadInput(f"Label {number} has no key: it must be a text or a whole number.")
    return str(key)


def _label(number: int, label: Label) -> Label:
    if not label.key and (not isinstance(label.prediction_id, str) or not label.prediction_id):
        raise BadInput(f"Label {number} has no prediction_id: it must be a text.")
    if isinstance(label.row, bool) or not isinstance(label.row, int) or label.row < 0:
        raise BadInput(f"Label {number}: row must be a whole number from 0 on.")
    if label.value is None:
        raise BadInput(f"Label {number} is empty. Leave out the rows that have none yet.")
    return label
