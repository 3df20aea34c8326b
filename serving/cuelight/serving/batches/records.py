"""Where the records of a CSV end: outside quotes, whatever is in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


class Ends:
    """The ends of records in bytes that come block by block.

    `position` is how many bytes there were so far; `open`: the last ones are within quotes.
    """

    def __init__(self) -> None:
        self._begun = 0  # where the record began that is not ended yet
        self.position = 0
        self._last = 0
        self.open = False

    def of(self, block: bytes) -> NDArray[np.int64]:
        """Positions, from the first byte of all on, behind each record that ends in this block and is not blank."""
        values = np.frombuffer(block, np.uint8)
        inside = np.logical_xor.accumulate(values == _QUOTE) ^ self.open
        stops = np.flatnonzero((values == _NEWLINE) & ~inside)
        before = np.concatenate([np.array([self._last], np.uint8), values[:-1]])[stops]
        ends = stops + self.position
        lengths = ends - np.concatenate([[self._begun], ends[:-1] + 1]) if len(ends) else ends
        blank = (lengths == 0) | ((lengths == 1) & (before == _RETURN))
        self.position += len(block)
        if len(block):
            self._last, self.open = int(values[-1]), bool(inside[-1])
        if len(ends):
            self._begun = int(ends[-1]) + 1
        whole: NDArray[np.int64] = ends[~blank] + 1
        return whole

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
