"""Counts that are cheap to add to for each call, and moved to Prometheus' own now and then."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any


class Count:
    """What a counter of the library will be moved by."""

    __slots__ = ("_counter", "_held")

    def __init__(self, counter: Any) -> None:
        self._counter = counter
        self._held: float = 0

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        self._held += amount

    def move(self) -> None:
        """Move the library's counter."""
        held, self._held = self._held, 0
        if held:
            self._counter.inc(held)


class Times:
    """What a histogram of the library will be moved by: how often, by upper bound, and the sum."""

    __slots__ = ("_bounds", "_held", "_histogram", "_sum")

    def __init__(self, histogram: Any, bounds: tuple[float, ...]) -> None:
        self._histogram = histogram
        self._bounds = bounds
        self._held = [0] * (len(bounds) + 1)  # the last is for what lies above all
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Take note of one time."""
        self._held[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def move(self) -> None:
        """Move the library's histogram, which has no way to be told of many times at once but its own parts."""
        held, self._held = self._held, [0] * len(self._held)
        total, self._sum = self._sum, 0.0
        if not any(held):
            return
        self._histogram._sum.inc(total)
        for bucket, count in zip(self._histogram._buckets, held, strict=True):
            if count:
                bucket.inc(count)
