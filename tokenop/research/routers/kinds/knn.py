"""The nearest prompts of the past: how often was the weak model good enough for them?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenop.research.routers.features import BUCKETS, Features
from tokenop.research.routers.outcomes import Floats
from tokenop.research.routers.policy import Arrays, Kind, Model, Settings

WIDTH = 2048
"""Columns that the hashed ones are folded into: with random signs, so that products stay the same on average."""
MOST = 8192
"""Prompts that are kept; of more, those whose rows stand first (rows stand by hash)."""
_BATCH = 1024
# What the mean of all weighs, as if that many prompts of similarity 1 had it: few neighbours say little.
_PRIOR = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Prompts of the past as rows of length 1, folded and rounded.

    `rows` has shape (m, WIDTH) in steps of 1 / 127 of each row's largest, `unit` are the same of length 1; `target` and
    `counts` have shape (m,), `rarity` (BUCKETS,).
    """

    k: int
    rows: npt.NDArray[np.int8]
    unit: npt.NDArray[np.float32]
    target: Floats
    counts: Floats
    rarity: npt.NDArray[np.float32]

    @property
    def settings(self) -> Settings:
        """Return what JSON can hold."""
        return {"k": self.k}

    @property
    def arrays(self) -> Arrays:
        """Return the prompts of the past as hashed features, and what is known of them."""
        return {
            "rows": self.rows,
            "target": self.target.astype(np.float32),
            "counts": self.counts.astype(np.float32),
            "rarity": self.rarity,
        }

    def score(self, known: Features) -> Floats:
        """Return the mean of the `k` nearest, weighed by similarity. Shape (n,)."""
        mean = float(np.average(self.target, weights=self.counts))
        found = np.empty(len(known))
        for first in range(0, len(known), _BATCH):
            here = np.arange(first, min(first + _BATCH, len(known)))
            near = _folded(known.take(here).weighted(self.rarity.astype(np.float64))) @ self.unit.T
            chosen = np.argpartition(-near, self.k - 1, axis=1)[:, : self.k]
            alike = np.maximum(np.take_along_axis(near, chosen, axis=1), 0).astype(np.float64) * self.counts[chosen]
            found[here] = ((alike * self.target[chosen]).sum(1) + _PRIOR * mean) / (alike.sum(1) + _PRIOR)
        return found

    def words(self) -> str:
        """Return what it does in one line."""
        return f"asks the {self.k} most similar of {len(self.rows)} prompts how well the weak model did"


def _folded(known: Features) -> npt.NDArray[np.float32]:
    """Return the features as dense rows of length 1. Shape (n, WIDTH)."""
    where = known.rows * WIDTH + known.columns % WIDTH
    rows = np.bincount(where, weights=known.values, minlength=len(known) * WIDTH).reshape(len(known), WIDTH)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _unit(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    unit = rows.astype(np.float32)
    return np.asarray(unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12))


def _grid(rows: int) -> tuple[Settings, ...]:
    return tuple({"k": k} for k in (300, 100, 30) if k * 4 <= rows) or ({"k": max(1, rows // 4)},)


def _fit(known: Features, target: Floats, counts: Floats, options: Settings) -> Model:
    kept = np.arange(min(len(known), MOST))
    rarity = known.rarity().astype(np.float32)
    rows = _folded(known.take(kept).weighted(rarity.astype(np.float64)))
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12)
    rounded = np.rint(rows / largest * 127).astype(np.int8)
    return Neighbours(min(options["k"], len(kept)), rounded, _unit(rounded), target[kept], counts[kept], rarity)


def _load(settings: Settings, arrays: Arrays) -> Model:
    rows, target, counts = arrays["rows"], arrays["target"], arrays["counts"]
    k = int(settings["k"])
    if rows.ndim != 2 or rows.shape[1] != WIDTH or rows.dtype != np.int8:
        raise ValueError(f"rows must be whole numbers of one byte, {WIDTH} a prompt")
    if target.shape != (len(rows),) or counts.shape != target.shape or arrays["rarity"].shape != (BUCKETS,):
        raise ValueError("rows, target, counts and rarity are of different lengths")
    if not 1 <= k <= len(rows) or (counts <= 0).any() or (target < 0).any() or (target > 1).any():
        raise ValueError("k must lie in 1 … rows, counts above 0, targets in 0 … 1")
    return Neighbours(
        k, rows, _unit(rows), target.astype(np.float64), counts.astype(np.float64), arrays["rarity"].astype(np.float32)
    )


KIND = Kind("knn", "the nearest prompts of the past", _grid, _fit, _load)
