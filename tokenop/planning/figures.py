"""Figures of a plan as they are written: rounded once, at the edge, and the same on every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from tokenop.economics.draws import QUANTILES, quantiles
from tokenop.economics.state import Array

DAYS_PER_MONTH = 30.4375
CENT = Decimal("0.01")


def usd(value: float | Decimal) -> float:
    """Return US dollars rounded to cents."""
    rounded = Decimal(repr(value) if isinstance(value, float) else value).quantize(CENT, ROUND_HALF_EVEN)
    return float(rounded) + 0.0  # no negative zero


def share(value: float) -> float | None:
    """Return a share with four digits; None where there is none."""
    return round(value, 4) if math.isfinite(value) else None


def interval(values: Array, expected: float | None = None) -> dict[str, float]:
    """Return P10, P50 and P90 in cents, and the expected figure where it is given."""
    found = {name: usd(value) for name, value in quantiles(values).items()}
    return found if expected is None else {**found, "expected": usd(expected)}


def payback(implementation: float, monthly: Array) -> dict[str, float | None]:
    """Return days until the implementation is paid back by the net monthly saving; None where it never is."""
    with np.errstate(divide="ignore"):
        days = np.where(monthly > 0, implementation / np.where(monthly > 0, monthly, 1.0) * DAYS_PER_MONTH, np.inf)
    found = np.quantile(days, QUANTILES, method="inverted_cdf")
    names = ("p10", "p50", "p90")
    return {name: round(float(d), 1) if math.isfinite(d) else None for name, d in zip(names, found, strict=True)}


def complexity(hours: Decimal, levers: int) -> str:
    """Return low (up to two days of one lever), medium, or high (over two weeks)."""
    if hours > 80:
        return "high"
    return "low" if hours <= 16 and levers == 1 else "medium"


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return the mapping with Decimals as numbers, for YAML and JSON."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in values.items()}
