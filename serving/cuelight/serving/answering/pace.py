"""How long a version's work takes, learned from what it took. Pure."""

from __future__ import annotations

_FORGET = 0.85  # what an observation still weighs after the next one: the last six or seven count
_EVEN = 2.0  # in squares of the mean size: the less sizes differ, the less their slope is believed
_TRIAL_SIZE = 100  # bytes


class Pace:
    """A version's pace: `predicts` · a + `size` · b seconds, a and b fitted to what was seen.

    The sizes of bodies stand for rows, since they are known before anything is decoded. Exponentially weighted least
    squares; while sizes hardly differ, noise would decide b, so it is drawn to what the trial found (ridge).
    """

    __slots__ = ("_pp", "_ps", "_py", "_ss", "_sy", "_trial", "per_byte", "per_predict")

    def __init__(self, seconds: float = 0.0, byte_seconds: float = 0.0) -> None:
        """In the trial a predict took `seconds`, and `byte_seconds` more for each byte of a larger body."""
        self._pp = self._ps = self._ss = self._py = self._sy = 0.0
        self._trial = byte_seconds
        self.learn(1, _TRIAL_SIZE, seconds)

    def expect(self, predicts: int, size: int) -> float:
        """Seconds for `predicts` calls of the model, on bodies of `size` bytes in all."""
        return predicts * self.per_predict + size * self.per_byte

    def learn(self, predicts: int, size: int, seconds: float) -> None:
        """`predicts` calls of the model, on bodies of `size` bytes in all, took `seconds`."""
        self._pp = _FORGET * self._pp + predicts * predicts
        self._ps = _FORGET * self._ps + predicts * size
        self._ss = _FORGET * self._ss + size * size
        self._py = _FORGET * self._py + predicts * seconds
        self._sy = _FORGET * self._sy + size * seconds
        mean = self._ps / self._pp
        pull = _EVEN * mean * mean
        sizes, slopes = self._ss + pull, self._sy + pull * self._trial
        spread = (self._pp * sizes - self._ps * self._ps) or 1.0
        fixed = (self._py * sizes - self._ps * slopes) / spread
        slope = (self._pp * slopes - self._ps * self._py) / spread
        if slope < 0:
            fixed, slope = self._py / self._pp, 0.0
        elif fixed < 0:
            fixed, slope = 0.0, slopes / (sizes or 1.0)
        self.per_predict, self.per_byte = fixed, slope
