"""The demo's story: trained, promoted, scored, drifted, retrained, promoted again. Every step is checked."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from cuelight.cli import compose
from cuelight.cli.credentials import credentials
from cuelight.cli.demonstration.audience import Audience
from cuelight.cli.stack.programs import inherited
from cuelight.cli.stack.served import get
from cuelight.client.address import near_url
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.settings import Settings

MODEL = "doctor_visits"
_TARGET = "visited"
_WAVE, _FINAL = 2500, 2500
_FIGURES = ("log_loss", "roc_auc", "accuracy")


class Story:
    """Plays the story against a running stack; a step that does not happen raises `Unavailable`."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._credentials = credentials(settings)
        self._audience = Audience(near_url(settings), MODEL, self._credentials)
        self._began = time.monotonic()
        self._number = 0

    def play(self) -> None:
        """All steps, in order."""
        from cuelight.pipelines.shipped.doctor_visits import FEATURES, populations

        known, arriving = populations()
        self._features = list(FEATURES)
        first = self._train()
        self._promote(first)
        self._quiet_days(known.sample(_WAVE // 2, random_state=1))
        self._shift(arriving.iloc[:_WAVE], arriving.iloc[_WAVE : 2 * _WAVE])
        second = self._retrained(first)
        self._promote(second)
        self._compare(arriving.iloc[2 * _WAVE : 2 * _WAVE + _FINAL], first, second)

    def _train(self) -> int:
        self._say("Train on the people with free care (RAND Health Insurance Experiment), and register")
        trained = self._json("train", MODEL)
        if not trained["gate"]["passed"]:
            raise Unavailable(f"The gate failed: {trained['gate']['reason']}")
        self._tell(f"version {trained['version']}: {trained['gate']['reason']}")
        self._tell(f"run: {trained['run_url']}")
        self._await_track("Staging", trained["version"])
        return int(trained["version"])

    def _promote(self, version: int) -> None:
        self._say(f"Promote version {version}, as the Stage menu in MLflow's UI does")
        self._command("promote", MODEL, str(version), "--stage", "Production", "--archive-others")
        self._await_track("Production", version)

    def _quiet_days(self, rows: Any) -> None:
        self._say(f"Score {len(rows):,} people like those it was trained on, and send what became of them")
        self._score(rows)
        report = self._drift()
        if report["verdict"] not in ("ok", "watch"):
            raise Unavailable(f"Nothing changed, and the verdict is {report['verdict']!r}: {report['reason']}")

    def _shift(self, one: Any, two: Any) -> None:
        for rows, words in ((one, "Other people arrive: they pay a share of their care"), (two, "They keep coming")):
            self._say(f"{words} ({len(rows):,} rows over REST, with labels)")
            self._score(rows)
            report = self._drift()
            if report["verdict"] not in ("drift", "degraded"):
                raise Unavailable(f"The population changed, and the verdict is {report['verdict']!r}.")

    def _retrained(self, champion: int) -> int:
        self._say("The verdict asks for retraining; the scheduler takes the request")
        operations = compose.operations(self._settings)
        try:
            request = self._await(lambda: next(iter(operations.retrains(MODEL)), None), 60, "no request to retrain")
            self._tell(f"request {request.id}: {request.reason}")
            done = self._await(
                lambda: next((each for each in operations.retrains(MODEL) if each.state == "finished"), None),
                180,
                "the retraining does not end",
            )
        finally:
            operations.close()
        self._tell(f"{done.outcome}: {done.detail.get('reason', '')}")
        versions = compose.registry(self._settings).snapshot().models[MODEL].versions
        challenger = max(versions)
        if challenger == champion or versions[challenger].stage != "Staging":
            raise Unavailable(f"No challenger is in Staging: {done.outcome} {done.detail}")
        self._await_track("Staging", challenger)
        return challenger

    def _compare(self, rows: Any, first: int, second: int) -> None:
        self._say(f"Both versions on {len(rows):,} later rows that neither was trained on")
        since = time.time()
        for version in (first, second):
            self._score(rows, f"/versions/{version}")
        figures = self._await(lambda: self._quality(since, 2 * len(rows)), 60, "labels are missing from the journal")
        table = Table("version", "rows", *_FIGURES)
        for version in (first, second):
            shown = (f"{figures[version][name]:.3f}" for name in _FIGURES)
            table.add_row(f"{version} ({'before' if version == first else 'after'})", f"{len(rows):,}", *shown)
        self._console.print(table)
        if figures[second]["log_loss"] >= figures[first]["log_loss"]:
            raise Unavailable("The retrained version is not better.")

    def _quality(self, since: float, rows: int) -> dict[int, dict[str, float]] | None:
        from cuelight.journal.compactor import Compactor
        from cuelight.journal.quality import quality
        from cuelight.journal.query import Journal, Query

        Compactor(self._settings.journal_folder).run_once()
        frame = Journal(self._settings.journal_folder).labelled(Query(MODEL, since=since))
        if len(frame) < rows:
            return None
        return {int(version): quality(part, "classification") for version, part in frame.groupby("version")}

    def _score(self, rows: Any, path: str = "") -> None:
        began = time.monotonic()
        labels = [int(each) for each in rows[_TARGET]]
        versions = self._audience.score(rows[self._features], labels, path)
        seconds = time.monotonic() - began
        self._tell(f"answered by version {', '.join(sorted(versions))}; {len(rows):,} labels sent; {seconds:.1f} s")
        time.sleep(self._settings.journal_segment_seconds + 1.5)  # so that the segment is closed when drift is judged

    def _drift(self) -> dict[str, Any]:
        report: dict[str, Any] = self._json("drift", MODEL, codes=(0, 10, 11, 12, 13))
        self._tell(f"verdict: [bold]{report['verdict']}[/bold]. {report['reason']}")
        self._tell(f"report: {report['link']}")
        return report

    def _await_track(self, track: str, version: int) -> None:
        url = f"{near_url(self._settings)}/models/{MODEL}"
        began = time.monotonic()

        def served() -> bool:
            try:
                tracks = get(url, self._credentials).json()["tracks"]
            except Unavailable:  # the model is not served yet
                return False
            return bool(tracks.get(track, {}).get("version") == version)

        self._await(served, 90, f"version {version} is not served in {track}")
        self._tell(f"{track} is answered by version {version}, {time.monotonic() - began:.1f} s later")

    def _await(self, what: Callable[[], Any], seconds: float, failure: str) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := what()):
            if time.monotonic() > deadline:
                raise Unavailable(f"After {seconds:.0f} s {failure}. Logs: {self._settings.home / 'logs'}")
            time.sleep(0.1)
        return value

    def _json(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        return json.loads(self._command(*arguments, "--json", codes=codes))

    def _command(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        self._tell(f"[dim]$ cuelight {' '.join(each for each in arguments if each != '--json')}[/dim]")
        with self._console.status(f"cuelight {arguments[0]} ..."):
            done = subprocess.run(
                [sys.executable, "-m", "cuelight.cli", *arguments],
                env={**inherited(self._settings), "CUELIGHT_LOG_LEVEL": "error"},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode not in codes:
            raise _Failed(f"`cuelight {' '.join(arguments)}` ended with {done.returncode}: {done.stderr[-1500:]}")
        return done.stdout

    def _say(self, sentence: str) -> None:
        self._number += 1
        elapsed = time.monotonic() - self._began
        heading = f"\n[bold cyan]{self._number}[/bold cyan] [bold]{sentence}[/bold] [dim]({elapsed:.0f} s)[/dim]"
        self._console.print(heading, soft_wrap=True, highlight=False)

    def _tell(self, text: str) -> None:
        self._console.print(f"  {text}", soft_wrap=True, highlight=False)


class _Failed(CuelightError):
    """A command of the story failed."""
