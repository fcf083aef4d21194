"""Numbers of charts: a scale that ends at a round number, and how they are written."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

THIN_SPACE = "\u2009"
MAX_LINES = 6


@dataclass(frozen=True)
class Scale:
    """From 0, or the round number below `lowest`, to the one above the highest."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, highest: float, lowest: float = 0) -> "Scale":
        """A scale that both numbers are on."""
        lowest, highest = min(lowest, 0), max(highest, 0)
        raw = max(highest - lowest, 1e-9) / (MAX_LINES - 1)
        size = 10 ** math.floor(math.log10(raw))
        step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= raw * 0.999)
        if highest - lowest >= 1:
            step = max(step, 1)
        return cls(math.floor(lowest / step) * step, (math.ceil(highest / step) or 1) * step, step)

    def place(self, value: float, length: float) -> float:
        """Where a value is along `length`."""
        return length * (value - self.low) / (self.high - self.low)

    def lines(self) -> Iterator[float]:
        """The numbers that have a line."""
        number = round((self.high - self.low) / self.step)
        yield from (self.low + self.step * each for each in range(number + 1))


def written(value: float) -> str:
    """A number with thin spaces at its thousands, and at most one decimal."""
    rounded = round(value, 1)
    text = f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,}"
    return text.replace(",", THIN_SPACE)
