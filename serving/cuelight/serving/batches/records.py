"""Where the records of a CSV end: outside quotes, whatever is in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QUOTE, _NEWLINE, _RETURN, _COMMA = b'"\n\r,'
_TEXT = 0  # stands for a quote that is a character of its field
_BOM = b"\xef\xbb\xbf"


class Ends:
    """The ends of records in bytes that come block by block.

    `position` is how many bytes there were so far; `open`: the last ones are within quotes.
    """

    def __init__(self) -> None:
        self._begun = 0  # where the record began that is not ended yet
        self.position = 0
        self._last = _NEWLINE
        self.open = False

    def of(self, block: bytes) -> NDArray[np.int64]:
        """Positions, from the first byte of all on, behind each record that ends in this block and is not blank."""
        values = np.frombuffer(block, np.uint8)
        if not len(values):
            return np.array([], np.int64)
        before = np.concatenate([np.array([self._last], np.uint8), values[:-1]])
        if self.position == 0 and block.startswith(_BOM):
            self._begun = len(_BOM)
            before[self._begun : self._begun + 1] = _NEWLINE
        inside = self._inside(block, values, before)
        stops = np.flatnonzero((values == _NEWLINE) & ~inside)
        ends = stops + self.position
        lengths = ends - np.concatenate([[self._begun], ends[:-1] + 1]) if len(ends) else ends
        blank = (lengths == 0) | ((lengths == 1) & (before[stops] == _RETURN))
        self.position += len(block)
        if len(ends):
            self._begun = int(ends[-1]) + 1
        whole: NDArray[np.int64] = ends[~blank] + 1
        return whole

    def _inside(self, block: bytes, values: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which bytes are within quotes: a quote opens a field at its beginning, and elsewhere is a character of it."""
        quotes = values == _QUOTE
        inside = np.logical_xor.accumulate(quotes) ^ self.open
        opened = before[quotes & inside]  # two within quotes stand for one: as if it was closed, and opened again
        self._last = int(values[-1])
        if not ((opened == _COMMA) | (opened == _NEWLINE) | (opened == _QUOTE)).all():
            inside = self._followed(block, before)
        self.open = bool(inside[-1])
        return inside

    def _followed(self, block: bytes, before: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The same, quote by quote, where some are characters."""
        inside, start, at = np.zeros(len(block), bool), 0 if self.open else -1, 0
        while (place := block.find(b'"', at)) >= 0:
            at = place + 1
            if start < 0 and (before[place] in (_COMMA, _NEWLINE) or (place == 0 and before[0] == _QUOTE)):
                start = place
            elif start < 0:
                self._last = _TEXT if at == len(block) else self._last
            elif block[at : at + 1] == b'"':
                at += 1
            else:
                inside[start:place], start = True, -1
        if start >= 0:
            inside[start:] = True
        return inside

    @property
    def rest(self) -> bool:
        """Whether bytes came after the last record that ended."""
        return self.position > self._begun


def split(body: bytes) -> tuple[bytes, bytes]:
    """Records as two halves, the first one not the larger; there must be two at least."""
    finder = Ends()
    ends = finder.of(body)
    count = len(ends) + int(finder.rest)
    middle = int(ends[count // 2 - 1])
    return body[:middle], body[middle:]
