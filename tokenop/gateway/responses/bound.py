"""An upper bound of the share of false hits that holds however often it is looked at, and for all thresholds at once.

For a share p, bet against "at least p of the hits are false": a right one multiplies the stake by (1 − rp)/(1 − p), a
false one by r < 1, for a few r between which the stake is split. Were the share p or more, the stake would be expected
never to grow, so by Ville's inequality it reaches 1/α at any time at all with chance α at most. The bound is the
smallest p that this refutes. Clopper and Pearson's would hold for one look at a number of samples fixed before; here
each sample is a look. With α divided by the number of thresholds it holds for all of them, so any may be taken.
"""

from __future__ import annotations

import math
from functools import lru_cache

ALPHA = 0.05
"""Chance that the bound of any threshold is ever too low, while samples come in."""
STEPS = 8
"""How many thresholds there are to choose from."""
# (r, part of the stake): r = 0 bets that no hit is false, the others that some are.
_BETS = ((0.0, 0.4), (0.125, 0.15), (0.25, 0.15), (0.5, 0.2), (0.75, 0.1))
_ENOUGH = math.log(STEPS / ALPHA)
_MOST = 1_000_000


def stake(n: int, bad: int, share: float) -> float:
    """Return the logarithm of what the bet against "at least `share`" is worth after `bad` of `n`; 0 < share < 1."""
    lost = math.log1p(-share)
    terms = [
        math.log(part) + (bad * math.log(r) if bad else 0.0) + (n - bad) * (math.log1p(-r * share) - lost)
        for r, part in _BETS
        if r or not bad
    ]
    most = max(terms)
    return most + math.log(sum(math.exp(term - most) for term in terms))


@lru_cache(maxsize=16_384)
def bound(n: int, bad: int) -> float:
    """Return the smallest share that `bad` of `n` refute; 1 where they refute none."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if stake(n, bad, middle) >= _ENOUGH:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=4096)
def needed(bad: int, share: float) -> int:
    """Return how many samples it takes to say that less than `share` are false, when `bad` of them are."""
    high = max(bad, 1)
    while stake(high, bad, share) < _ENOUGH:
        high *= 2
        if high > _MOST:
            return high
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if middle >= bad and stake(middle, bad, share) >= _ENOUGH:
            high = middle
        else:
            low = middle
    return high
