"""Draws: parameter ranges as PERT distributions, and the window's blocks drawn again.

Everything is seeded by name, so that a parameter's draws depend neither on the order of templates nor on which others
are there, and so that a template alone and in a plan meets the same draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from tokenop.economics.levers import Bound
from tokenop.economics.levers.base import Constants, Values
from tokenop.economics.state import Array

QUANTILES = (0.1, 0.5, 0.9)


def generator(seed: int, name: str) -> np.random.Generator:
    """Return a generator of its own for each name: draws depend on no others."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int.from_bytes(digest[:8], "big")])))


def pert(low: float, mode: float, high: float, size: int, random: np.random.Generator) -> Array:
    """Return `size` draws of the PERT distribution: a beta on [low, high] that weighs its mode four times."""
    if not low < high:
        return np.full(size, mode)
    width = high - low
    alpha, beta = 1 + 4 * (mode - low) / width, 1 + 4 * (high - mode) / width
    return low + width * random.beta(alpha, beta, size)


def expected(bounds: Sequence[Bound]) -> dict[str, Constants]:
    """Return the expected value of every parameter, by lever name."""
    return {
        bound.name: {name: float(value.expected) for name, value in bound.lever.parameters.items()} for bound in bounds
    }


def as_arrays(constants: Mapping[str, Constants]) -> dict[str, Values]:
    """Return constants in the shape of draws, `(1, 1)`."""
    return {
        lever: {name: np.full((1, 1), value) for name, value in values.items()} for lever, values in constants.items()
    }


def parameters(bounds: Sequence[Bound], draws: int, seed: int) -> dict[str, Values]:
    """Return `(draws, 1)` values of every parameter, by lever name."""
    return {
        bound.name: {
            name: pert(
                float(value.low),
                float(value.expected),
                float(value.high),
                draws,
                generator(seed, f"{bound.template}/{bound.lever.index}/{name}"),
            )[:, None]
            for name, value in bound.lever.parameters.items()
        }
        for bound in bounds
    }


def blocks(count: int, draws: int, seed: int) -> Array:
    """Return `(draws, count)`: how often each block of the window is drawn, with replacement."""
    if count <= 1:
        return np.ones((draws, max(count, 1)))
    random = generator(seed, "blocks")
    return random.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def quantiles(values: Array) -> dict[str, float]:
    """Return P10, P50 and P90."""
    low, middle, high = np.quantile(values, QUANTILES)
    return {"p10": float(low), "p50": float(middle), "p90": float(high)}
