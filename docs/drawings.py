"""Draw the pictures of the architecture page: `python docs/drawings.py`. Plain SVG, light and dark."""
# ruff: noqa: INP001  (docs is a folder of pages, no package)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parent / "pictures"
_STYLE = """
    .card { fill: #ffffff; stroke: #d0d7de; }
    .box { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.5; }
    .key { fill: #ddf4ff; stroke: #0969da; stroke-width: 2; }
    .kept { fill: #fff8c5; stroke: #9a6700; stroke-width: 1.5; }
    .name { fill: #1f2328; font-size: 16px; font-weight: 600; text-anchor: middle; }
    .what { fill: #57606a; font-size: 13px; text-anchor: middle; }
    .line { fill: none; stroke: #0969da; stroke-width: 2; }
    .tip { fill: #0969da; }
    .word { fill: #0550ae; font-size: 13px; text-anchor: middle; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #30363d; }
      .box { fill: #161b22; stroke: #8b949e; }
      .key { fill: #0c2d4d; stroke: #58a6ff; }
      .kept { fill: #2e2a13; stroke: #d4a72c; }
      .name { fill: #f0f6fc; }
      .what { fill: #9da7b3; }
      .line { stroke: #58a6ff; }
      .tip { fill: #58a6ff; }
      .word { fill: #79c0ff; }
    }
  """


@dataclass(frozen=True)
class Box:
    """A box by its upper left corner and width (px), its name, a line below it, and what it is: box, key or kept."""

    x: int
    y: int
    width: int
    name: str
    what: str
    kind: str = "box"

    def svg(self) -> str:
        """The box, 66 px high."""
        middle = self.width // 2
        return (
            f'  <g transform="translate({self.x} {self.y})">'
            f'<rect class="{self.kind}" width="{self.width}" height="66" rx="8"/>'
            f'<text class="name" x="{middle}" y="28">{escape(self.name)}</text>'
            f'<text class="what" x="{middle}" y="49">{escape(self.what)}</text></g>'
        )


@dataclass(frozen=True)
class Arrow:
    """A line along an SVG path, with its word at (x, y) (px)."""

    path: str
    word: str = ""
    x: int = 0
    y: int = 0

    def svg(self) -> str:
        """The line with its tip, and its word."""
        word = f'<text class="word" x="{self.x}" y="{self.y}">{escape(self.word)}</text>' if self.word else ""
        return f'  <path class="line" marker-end="url(#tip)" d="{self.path}"/>{word}'


def drawing(title: str, says: str, height: int, parts: Sequence[Box | Arrow]) -> str:
    """A card, 960 px wide, with a title and a text for who can't see it."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {height}" role="img" aria-labelledby="t d" '
            "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\">",
            f'  <title id="t">{escape(title)}</title>\n  <desc id="d">{escape(says)}</desc>',
            f"  <style>{_STYLE}</style>",
            '  <defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0 L10 5 L0 10 z"/></marker></defs>',
            f'  <rect class="card" x="1" y="1" width="958" height="{height - 2}" rx="12"/>',
            *(part.svg() for part in parts),
            "</svg>\n",
        ]
    )


PROCESSES = drawing(
    "Processes, and what they share",
    "Callers reach the workers through the gateway. The follower reads MLflow and prepares versions; follower and "
    "workers meet at the cue board. Workers write the journal. The compactor turns it into Parquet; the scheduler "
    "starts drift jobs and retrainings, which read it and write to MLflow. The board shows it. "
    "The history is in the operations database.",
    520,
    [
        Box(30, 60, 150, "gateway", "Envoy, the one entry"),
        Box(290, 60, 170, "workers", "answer requests"),
        Box(560, 60, 170, "follower", "decides what is served"),
        Box(800, 60, 130, "MLflow", "the registry", "key"),
        Box(290, 200, 170, "journal", "segments, Parquet", "kept"),
        Box(560, 200, 170, "cue board, store", "generation, versions", "kept"),
        Box(30, 200, 150, "board", "the page for people"),
        Box(30, 390, 150, "compactor", "segments to Parquet"),
        Box(290, 390, 170, "jobs", "drift, retraining"),
        Box(560, 390, 170, "scheduler", "when they run; alerts"),
        Box(770, 390, 160, "operations", "history, jobs, hosts", "kept"),
        Arrow("M105 24 V58", "callers", 142, 36),
        Arrow("M180 93 H288", "requests", 234, 84),
        Arrow("M105 126 V198"),
        Arrow("M375 126 V198", "every answer", 424, 172),
        Arrow("M800 93 H732", "reads", 766, 84),
        Arrow("M645 126 V198", "prepares", 682, 166),
        Arrow("M600 200 V160 H520 V105 H462", "switches", 552, 150),
        Arrow("M180 423 H235 V233 H288"),
        Arrow("M350 266 V388", "rows, labels", 302, 334),
        Arrow("M560 423 H462", "starts", 511, 414),
        Arrow("M730 423 H768"),
        Arrow("M400 390 V325 H865 V128", "versions, reports", 620, 316),
        Arrow("M375 456 V490 H850 V458", "what happened", 600, 482),
    ],
)

PROMOTION = drawing(
    "One promotion",
    "A person sets a stage in MLflow. The follower fetches the version and verifies it, tries it in a process of its "
    "own, and prepares a generation; each worker loads it and acknowledges; one store commits it for all. A refusal "
    "at any step leaves the old version in charge.",
    290,
    [
        Box(24, 60, 140, "promote", "a stage, an alias", "key"),
        Box(208, 60, 140, "fetch", "digests, signature"),
        Box(392, 60, 140, "try", "in its own process"),
        Box(576, 60, 150, "prepare", "workers load it"),
        Box(770, 60, 166, "commit", "one store, all workers", "key"),
        Box(300, 190, 324, "refused: the old version stays", "cuelight.state, cuelight.reason on the version", "kept"),
        Arrow("M164 93 H206"),
        Arrow("M348 93 H390"),
        Arrow("M532 93 H574"),
        Arrow("M726 93 H768", "all", 747, 84),
        Arrow("M320 126 V188"),
        Arrow("M462 126 V188"),
        Arrow("M610 126 V188"),
        Arrow("M853 126 V170"),
        Box(770, 172, 166, "bake", "beside the one before"),
        Arrow("M770 205 H690 V128", "if worse", 730, 224),
    ],
)


def main() -> None:
    """Write the pictures."""
    (FOLDER / "processes.svg").write_text(PROCESSES, encoding="utf-8")
    (FOLDER / "promotion.svg").write_text(PROMOTION, encoding="utf-8")


if __name__ == "__main__":
    main()
