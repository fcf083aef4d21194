"""Measurements in pairs: every entry once a round, one after the other, so that drift hits all."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """Something to measure; the first one's rate ÷ this one's is wanted within the limits."""

    name: str
    measure: Callable[[], Figures]
    at_least: float | None = None
    at_most: float | None = None

    def judged(self, ratio: float) -> str:
        """What is wanted of the ratio, and whether it is so."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {'✓' if ratio >= self.at_least else '✗'}"
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {'✓' if ratio <= self.at_most else '✗'}"
        return ""


def interleaved(entries: Sequence[Entry], rounds: int) -> dict[str, list[Figures]]:
    """Measures A B C A B C … and says so; the figures of each entry, by round."""
    found: dict[str, list[Figures]] = {entry.name: [] for entry in entries}
    for number in range(1, rounds + 1):
        for entry in entries:
            print(f"  round {number} of {rounds}: {entry.name}", file=sys.stderr, flush=True)
            found[entry.name].append(entry.measure())
    return found


def values(runs: Sequence[Figures], name: str) -> list[float]:
    """A figure by round, where it was measured."""
    return [run[name] for run in runs if run.get(name) is not None]


def middle(runs: Sequence[Figures], name: str) -> float | None:
    """The median of a figure; None where it was not measured."""
    found = values(runs, name)
    return median(found) if found else None


def ratios(first: Sequence[Figures], other: Sequence[Figures], name: str) -> list[float]:
    """first ÷ other, round by round."""
    return [one[name] / two[name] for one, two in zip(first, other, strict=True) if two[name]]
