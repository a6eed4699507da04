"""How sure a figure is: 95 % intervals from counts and sums, so that one lucky report ranks nobody first."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

# The normal distribution's 97.5 % quantile: a 95 % interval.
Z = 1.959963984540054
COVER = 0.95
_DIGITS = Decimal("0.0001")


class Rate(NamedTuple):
    """A share of a count, with its Wilson interval: unlike mean ± error it is sound for few and for all or none."""

    hits: int
    of: int

    @property
    def share(self) -> Decimal | None:
        """Return the share (0–1); None where there is nothing to count."""
        return (Decimal(self.hits) / self.of).quantize(_DIGITS) if self.of else None

    @property
    def low(self) -> Decimal | None:
        """Return the lower end."""
        return self._end(-1)

    @property
    def high(self) -> Decimal | None:
        """Return the upper end."""
        return self._end(1)

    def _end(self, side: int) -> Decimal | None:
        if not self.of:
            return None
        n, p = self.of, self.hits / self.of
        centre = p + Z * Z / (2 * n)
        reach = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return _rounded(min(max((centre + side * reach) / (1 + Z * Z / n), 0.0), 1.0))

    def as_dict(self) -> dict[str, object]:
        """Return the rate as JSON-ready fields."""
        return {"hits": self.hits, "of": self.of, "share": _f(self.share), "low": _f(self.low), "high": _f(self.high)}


class Mean(NamedTuple):
    """A mean with its interval by Student's t; the ends are None where fewer than two figures are known."""

    n: int
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None

    def as_dict(self) -> dict[str, object]:
        """Return the mean as JSON-ready fields."""
        return {"n": self.n, "value": _f(self.value), "low": _f(self.low), "high": _f(self.high)}


def mean(n: int, total: Decimal | None, squares: Decimal | None, most: int | None = None) -> Mean:
    """Return the mean of `n` figures with their sum and the sum of their squares; none of them is above `most`."""
    if not n or total is None or squares is None:
        return Mean(0, None, None, None)
    value = total / n
    if n < 2:
        return Mean(n, _rounded(value), None, None)
    reach = _t(n - 1) * math.sqrt(_variance(n, total, squares) / n)
    high = float(value) + reach
    return Mean(n, _rounded(value), _rounded(float(value) - reach), _rounded(high if most is None else min(high, most)))


def difference(one: tuple[int, Decimal, Decimal], other: tuple[int, Decimal, Decimal]) -> Mean:
    """Return the mean of `one` less that of `other`, both `(n, sum, sum of squares)`, with Welch's interval."""
    (n, total, squares), (m, total_2, squares_2) = one, other
    if not n or not m:
        return Mean(0, None, None, None)
    value = total / n - total_2 / m
    if n < 2 or m < 2:
        return Mean(min(n, m), _rounded(value), None, None)
    a, b = _variance(n, total, squares) / n, _variance(m, total_2, squares_2) / m
    freedom = (a + b) ** 2 / (a * a / (n - 1) + b * b / (m - 1)) if a + b else float(n + m - 2)
    reach = _t(freedom) * math.sqrt(a + b)
    return Mean(min(n, m), _rounded(value), _rounded(float(value) - reach), _rounded(float(value) + reach))


def rises(before: Rate, now: Rate, tested: int = 1) -> bool:
    """Return whether a share grew by more than chance explains: Fisher's exact test, one side, 2.5 %.

    `tested` is how many shares were looked at: of a hundred, some rise by chance alone, so each must be so much surer.
    """
    hits, of = before.hits + now.hits, before.of + now.of
    if not before.of or not now.of or now.hits * of <= hits * now.of:
        return False
    # The chance that so many of all hits or more fall into the later part; terms fall fast beyond the expected one.
    term = math.exp(_choices(hits, now.hits) + _choices(of - hits, now.of - now.hits) - _choices(of, now.of))
    chance, count = 0.0, now.hits
    while term > chance * 1e-12:
        chance += term
        term *= (hits - count) * (now.of - count) / ((count + 1) * (of - hits - now.of + count + 1))
        count += 1
    return chance * tested < (1 - COVER) / 2


def _choices(of: int, number: int) -> float:
    """Return the logarithm of how many ways there are to choose so many of so many."""
    return math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)


def _variance(n: int, total: Decimal, squares: Decimal) -> float:
    """Return the sample variance. Decimal sums are exact, so that nothing cancels away."""
    return max(float((squares - total * total / n) / (n - 1)), 0.0)


def _t(freedom: float) -> float:
    """Return Student's 97.5 % quantile: exact for 1 and 2 degrees of freedom, else within 0.2 %."""
    if freedom < 2:
        # Between 1 and 2 it falls; the wider one is the careful one. Above 3: Cornish and Fisher.
        return 12.706204736
    if freedom < 3:
        return 4.302652730
    z, d = Z, freedom
    return (
        z
        + (z**3 + z) / 4 / d
        + (5 * z**5 + 16 * z**3 + 3 * z) / 96 / d**2
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / d**3
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160 / d**4
    )


def _rounded(value: float | Decimal) -> Decimal:
    """Return four digits: fewer than a float holds, so that its last one never shows."""
    return Decimal(str(value)).quantize(_DIGITS, ROUND_HALF_EVEN) + 0


def _f(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
