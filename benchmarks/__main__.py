"""`make bench`: Cuelight beside MLflow's own server, on the same model, in alternating rounds; ratios, not seconds."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import peers, wrk
from rich.console import Console
from rich.table import Table

ROUNDS, SECONDS = 5, 4
CONNECTIONS = (1, 8, 64)
BODY = b'{"dataframe_split": {"columns": ["x0", "x1", "x2", "x3", "x4"], "data": [[0.1, -0.2, 0.3, -0.4, 0.5]]}}'


def main() -> None:
    """Measure, print the ratios with their spread, and keep all figures as JSON."""
    console = Console()
    wrk.check()
    with tempfile.TemporaryDirectory(prefix="cuelight-bench-") as folder, _servers(Path(folder)) as servers:
        answers = {name: peers.predict(url, BODY) for name, url in servers.items()}
        if len({round(each, 9) for each in answers.values()}) != 1:
            raise SystemExit(f"The servers disagree: {answers}")
        rounds = [
            {name: wrk.run(url, BODY, connections, SECONDS) for name, url in servers.items()}
            for connections in CONNECTIONS
            for _ in range(ROUNDS)
        ]
    results = {connections: rounds[i * ROUNDS : (i + 1) * ROUNDS] for i, connections in enumerate(CONNECTIONS)}
    console.print(_table(results))
    output = Path(__file__).parent / "results.json"
    output.write_text(json.dumps(_document(results), indent=1) + "\n")
    console.print(f"Figures: {output.name}, Python {platform.python_version()}, {ROUNDS} rounds of {SECONDS} s each.")


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, str]]:
    model = peers.save_linear(folder / "model")
    with ExitStack() as stack:
        yield {
            "cuelight": stack.enter_context(peers.cuelight(folder / "cuelight", model)),
            "mlflow models serve": stack.enter_context(peers.mlflow_serve(folder, model)),
        }


def _table(results: dict[int, list[dict[str, wrk.Figures]]]) -> Table:
    table = Table("conns", "server", "req/s", "p50 ms", "p99 ms", "ratio (min to max)", "failed")
    for connections, rounds in results.items():
        for name in rounds[0]:
            mine = [each[name] for each in rounds]
            ratios = [each[name].rate / each["mlflow models serve"].rate for each in rounds]
            table.add_row(
                str(connections),
                name,
                f"{statistics.median(each.rate for each in mine):.0f}",
                f"{statistics.median(each.p50_ms for each in mine):.2f}",
                f"{statistics.median(each.p99_ms for each in mine):.2f}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                str(sum(each.failed for each in mine)),
            )
    return table


def _document(results: dict[int, list[dict[str, wrk.Figures]]]) -> dict[str, object]:
    return {
        "python": sys.version.split()[0],
        "seconds": SECONDS,
        "rounds": {
            str(connections): [{name: each.__dict__ for name, each in one.items()} for one in rounds]
            for connections, rounds in results.items()
        },
    }


if __name__ == "__main__":
    main()
