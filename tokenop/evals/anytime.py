"""A confidence sequence for a mean of paired differences: an interval that stays valid however often it is looked at.

The hedged capital process of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting"
(Journal of the Royal Statistical Society B 86, 2024), with their predictable plug-in bets. Somebody bets on each next
difference against the claim that the mean is m. If m is right, nobody can expect to gain, and by Ville's inequality
the chance that the capital ever reaches 1/α is at most α. So every m against which 1/α was won is excluded, whenever
one looks. What is needed: differences within [-1, 1], each with the same mean given those before it; nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Of one's capital at most this part is put on one difference: whoever loses all cannot bet on. Near 1 it is fastest
# where all differences are alike, near 1/2 where they are not (the paper names 1/2 and 3/4).
MOST_AT_ONCE = 0.75
_STEPS = 60  # halvings of [0, 1]: as exact as a float


class Interval(NamedTuple):
    """Both ends of an interval for a mean difference in [-1, 1], the mean of the differences seen, and their number."""

    low: float
    high: float
    mean: float
    n: int


class ConfidenceSequence:
    """Collects differences; `interval()` may be asked after each, and acted upon."""

    def __init__(self, confidence: float = 0.95) -> None:
        if not 0 < confidence < 1:
            raise ValueError(f"confidence {confidence} is not between 0 and 1")
        self.confidence = confidence
        self._seen: list[float] = []
        self._low, self._high = -1.0, 1.0

    def add(self, difference: float) -> None:
        """Take the next difference, in [-1, 1].

        Raises:
            ValueError: it is outside, or no number.
        """
        if not -1 <= difference <= 1:
            raise ValueError(f"difference {difference} is not within [-1, 1]")
        self._seen.append(float(difference))

    def interval(self) -> Interval:
        """Return what holds for the mean now. It never grows: what was excluded once stays excluded."""
        now = anytime(self._seen, self.confidence)
        low, high = max(self._low, now.low), min(self._high, now.high)
        if low <= high:  # else the mean changed on the way; the last interval that held is kept
            self._low, self._high = low, high
        return Interval(self._low, self._high, now.mean, now.n)


def anytime(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the interval for the mean of `differences`, which must be in the order in which they came.

    The chance that any of the intervals after 1, 2, 3 … differences misses the mean is at most 1 − `confidence`.
    """
    import numpy as np

    if not differences:
        return Interval(-1.0, 1.0, 0.0, 0)
    shares = (np.asarray(differences, dtype=np.float64) + 1) / 2
    alpha = 1 - confidence
    bets = plug_in_bets(shares, alpha)
    target = math.log(2 / alpha)  # half of the capital bets on each side
    low = _edge(lambda mean: float(log_capital(shares, bets, mean, up=True)[-1]) >= target, from_zero=True)
    high = _edge(lambda mean: float(log_capital(shares, bets, mean, up=False)[-1]) >= target, from_zero=False)
    return Interval(2 * low - 1, 2 * high - 1, math.fsum(differences) / len(differences), len(differences))


def plug_in_bets(shares: Floats, alpha: float) -> Floats:
    """Return how much is bet on each of `shares` (in [0, 1], time on the last axis), from those before it alone."""
    import numpy as np

    count = np.arange(1, shares.shape[-1] + 1)
    means = (0.5 + np.cumsum(shares, axis=-1)) / (count + 1)
    variances = (0.25 + np.cumsum((shares - means) ** 2, axis=-1)) / (count + 1)
    before = np.concatenate([np.full((*shares.shape[:-1], 1), 0.25), variances[..., :-1]], axis=-1)
    bets: Floats = np.sqrt(2 * math.log(2 / alpha) / (before * count * np.log1p(count)))
    return bets


def log_capital(shares: Floats, bets: Floats, mean: float, *, up: bool) -> Floats:
    """Return the logarithm of the capital after each of `shares`, won by betting that their mean is above `mean`.

    `up` False: below it. Where `mean` is true, the expected capital is 1 at all times. The capital falls (`up`) or
    rises with `mean`, so that the excluded means are those beyond one point.
    """
    import numpy as np

    room = mean if up else 1 - mean
    most = MOST_AT_ONCE / room if room > 0 else math.inf
    bets = np.minimum(bets, most)
    gains: Floats = np.cumsum(np.log1p((bets if up else -bets) * (shares - mean)), axis=-1)
    return gains


def _edge(excluded: Callable[[float], bool], *, from_zero: bool) -> float:
    """Return the outermost mean that is not excluded, by halving; rounded outwards."""
    out, inside = (0.0, 1.0) if from_zero else (1.0, 0.0)
    if not excluded(out):
        return out
    for _ in range(_STEPS):
        middle = (out + inside) / 2
        if excluded(middle):
            out = middle
        else:
            inside = middle
    return out
