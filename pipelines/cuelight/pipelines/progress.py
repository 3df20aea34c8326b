"""Progress for people: a spinner in a terminal, a line a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Where training says what it is at."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """Something that takes a while."""

    def note(self, text: str) -> None:
        """Something found out."""


class Steps:
    """Progress on a console, standard error by default, so that results can be piped."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A spinner and the time while it runs; then a tick and the seconds, or a cross."""
        start = time.perf_counter()
        try:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            with Bar(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
                bar.add_task(escape(text), total=None)
                yield
        except BaseException:
            self._console.print(f"[red]✗[/] {escape(text)}", soft_wrap=True)
            raise
        self._console.print(f"[green]✓[/] {escape(text)} [dim]{time.perf_counter() - start:.1f} s[/]", soft_wrap=True)

    def note(self, text: str) -> None:
        """An indented line."""
        self._console.print(f"  {escape(text)}", soft_wrap=True)


class Silent:
    """No progress: for programs."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:  # noqa: ARG002 - the protocol's
        """Nothing is shown."""
        yield

    def note(self, text: str) -> None:
        """Nothing is shown."""
