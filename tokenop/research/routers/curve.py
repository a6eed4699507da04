"""Quality over the share of calls to the strong model, and RouteLLM's figures of it (arXiv 2406.18665).

- PGR, performance gap recovered: (quality - weak) / (strong - weak), of the two models alone.
- APGR: the area under PGR over the share of strong calls from 0 to 1. RouteLLM adds up ten thresholds; here every
  threshold counts, with straight lines between them (the trapezoid rule): that is its limit for many thresholds. A
  straight line is what sending prompts of equal score to either model by chance gives. The random mix has exactly 0.5.
- CPT(x): the smallest share of strong calls with a PGR of x, on the same lines. The random mix has exactly x.

Where the strong model is no better than the weak one there is no gap to recover, and all three are None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenop.research.routers.outcomes import Bools, Floats, Ints, Outcomes

ALL_WEAK, ALL_STRONG = 0.0, 2.0
"""Thresholds that every score reaches, and that none does."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What each threshold gives, from all weak to all strong; arrays of shape (m,).

    `shares` are of the calls that go to the strong model; `cost` is US dollars a call without the router's own, None
    where costs are unknown.
    """

    thresholds: Floats
    shares: Floats
    quality: Floats
    cost: Floats | None

    @property
    def apgr(self) -> float | None:
        """Return the average performance gap recovered."""
        recovered = self._pgr()
        return None if recovered is None else float(np.trapezoid(recovered, self.shares))

    def cpt(self, wanted: float) -> float | None:
        """Return the smallest share of strong calls that recovers the part `wanted` (0 … 1) of the gap."""
        recovered = self._pgr()
        return None if recovered is None else float(crossing(self.shares, recovered[None, :], wanted)[0])

    @property
    def area(self) -> float:
        """Return the area between the curve and the random mix: the APGR above one half, in units of quality."""
        chord = (self.quality[0] + self.quality[-1]) / 2
        return float(np.trapezoid(self.quality, self.shares) - chord)

    def _pgr(self) -> Floats | None:
        gap = self.quality[-1] - self.quality[0]
        return np.asarray((self.quality - self.quality[0]) / gap) if gap > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Where scores may be cut: `order` sorts them ascending, `ends[j]` rows of that order go to the strong model."""

    order: Ints
    ends: Ints
    thresholds: Floats


def cuts(scores: Floats) -> Cuts:
    """Return every place where a threshold can divide `scores`; equal scores are never divided."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    inner = np.flatnonzero(np.diff(ranked) > 0) + 1
    between = (ranked[inner - 1] + ranked[inner]) / 2
    # The middle of two neighbouring floats may be the lower one itself, which must stay below the line.
    between = np.where(between > ranked[inner - 1], between, ranked[inner])
    return Cuts(
        order,
        np.concatenate([[0], inner, [len(scores)]]),
        np.concatenate([[ALL_WEAK], between, [ALL_STRONG]]),
    )


def trace(scores: Floats, outcomes: Outcomes) -> Curve:
    """Return the curve of a policy whose `scores` (n,) say where the weak model is good enough."""
    where = cuts(scores)
    counts = outcomes.counts[where.order]

    def total(weak: Floats, strong: Floats) -> Floats:
        added = np.concatenate([[0.0], np.cumsum(counts * (strong - weak)[where.order])])[where.ends]
        return np.asarray((outcomes.counts @ weak + added) / counts.sum())

    weak, strong = outcomes.weak_cost, outcomes.strong_cost
    return Curve(
        where.thresholds,
        total(np.zeros(len(scores)), np.ones(len(scores))),
        total(outcomes.weak_quality, outcomes.strong_quality),
        None if weak is None or strong is None else total(weak, strong),
    )


def oracle(outcomes: Outcomes) -> Floats:
    """Return the scores of one who knows every outcome: no router can do better at any share. Shape (n,)."""
    return np.asarray((1 - outcomes.gain) / 2)


def crossing(shares: Floats, recovered: Floats, wanted: float) -> Floats:
    """Return, for each row of `recovered` (r, m), the first share (m,) or (r, m) where its lines reach `wanted`.

    Rows begin at 0 and end at 1, so that every row reaches it. Shape (r,).
    """
    reached: Bools = recovered >= wanted
    after = np.argmax(reached, axis=1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(recovered))
    places = np.broadcast_to(shares, recovered.shape)
    low, high = recovered[rows, before], recovered[rows, after]
    step = np.where(high > low, (wanted - low) / np.where(high > low, high - low, 1.0), 0.0)
    return np.asarray(places[rows, before] + step * (places[rows, after] - places[rows, before]))
