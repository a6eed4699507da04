"""Random draws that are the same on every machine and in every Python.

Only `random.Random.random()` is promised to give the same sequence for a seed for ever; all else is built on it here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """One seeded stream. Each part of the workload has its own, so that a change of one leaves the others alone."""

    def __init__(self, seed: int, part: str) -> None:
        self._uniform = random.Random(f"{seed}/{part}").random  # noqa: S311 a workload, not a secret

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self._uniform() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number drawn evenly from `low` to `high`."""
        return low + (high - low) * self._uniform()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number drawn evenly from `low` to `high`, both included."""
        return low + int((high - low + 1) * self._uniform())

    def skewed(self, median: float, spread: float) -> float:
        """Return a log-normal number: half lie below `median`; `spread` is the standard deviation of the logarithm."""
        radius = math.sqrt(-2 * math.log(1 - self._uniform()))
        return median * math.exp(spread * radius * math.cos(2 * math.pi * self._uniform()))

    def tokens(self, median: float, spread: float, low: int, high: int) -> int:
        """Return a log-normal whole number of tokens, kept from `low` to `high`."""
        return min(high, max(low, round(self.skewed(median, spread))))

    def pick(self, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Return one of `items`, evenly or by `weights`."""
        if weights is None:
            return items[int(len(items) * self._uniform())]
        totals = list(accumulate(weights))
        mark = totals[-1] * self._uniform()
        return next((item for item, total in zip(items, totals, strict=True) if mark < total), items[-1])

    def rank(self, count: int) -> int:
        """Return 0 … count-1, low numbers far more often (Zipf with exponent 1, by its continuous form)."""
        return min(count - 1, int(math.exp(self._uniform() * math.log(count + 1)) - 1))
