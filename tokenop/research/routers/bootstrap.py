"""How sure a figure is: the held-out prompts drawn again, with replacement, the same draws for every policy.

Policies are compared on the same prompts, so differences are paired: what is hard for one is hard for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tokenop.economics.draws import generator
from tokenop.research.routers import rivals
from tokenop.research.routers.curve import Cuts, crossing
from tokenop.research.routers.outcomes import Bools, Floats, Outcomes

_AT_ONCE = 2_000_000  # weights that are held in memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, which holds the true one with probability `level`. None is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None

    @classmethod
    def of(cls, value: float | None, draws: Floats, level: float) -> Estimate:
        """Return the percentile interval of `draws` (d,); without one where a draw is undefined (NaN)."""
        if value is None or np.isnan(draws).any():
            return cls(value)
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        return cls(value, float(low), float(high), level)

    def as_dict(self) -> dict[str, float | None]:
        """Return the figure as JSON-ready fields, to six digits."""

        def short(value: float | None) -> float | None:
            return None if value is None else round(value, 6)

        return {
            "value": short(self.value),
            "low": short(self.low),
            "high": short(self.high),
            "level": short(self.level),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What the draws gave for one policy: arrays of shape (draws,), NaN where there was no gap to recover."""

    apgr: Floats
    cpt50: Floats
    cpt80: Floats
    means: rivals.Means


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """A policy as the bootstrap needs it: where its scores may be cut, and whom it sends to the weak model."""

    where: Cuts
    weak: Bools
    overhead_usd: float


def weights(prompts: int, draws: int, seed: int) -> Iterator[Floats]:
    """Yield how often each prompt is drawn, in blocks of shape (draws of the block, prompts)."""
    random = generator(seed, "routers: held-out prompts drawn again")
    left = draws
    while left > 0:
        block = min(left, max(1, _AT_ONCE // prompts))
        drawn = random.integers(0, prompts, size=(block, prompts))
        drawn += np.arange(block)[:, None] * prompts
        yield np.bincount(drawn.ravel(), minlength=block * prompts).reshape(block, prompts).astype(np.float64)
        left -= block


def resample(
    contestants: Sequence[Contestant],
    outcomes: Outcomes,
    draws: int,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Draws]:
    """Return what each contestant gives on the same `draws` draws of the prompts of `outcomes`, which has costs."""
    parts: list[list[Draws]] = [[] for _ in contestants]
    done = 0
    for block in weights(len(outcomes), draws, seed):
        progress(f"drawing held-out prompts again ({done} of {draws})")
        counted = block * outcomes.counts
        for part, contestant in zip(parts, contestants, strict=True):
            part.append(_block(contestant, outcomes, counted))
        done += len(block)
    return [_joined(part) for part in parts]


def means(contestant: Contestant, outcomes: Outcomes, counted: Floats) -> rivals.Means:
    """Return the means a call where prompt i counts `counted[:, i]` times. Shape of each: (draws,)."""
    weak_cost, strong_cost = outcomes.weak_cost, outcomes.strong_cost
    assert weak_cost is not None
    assert strong_cost is not None
    columns = np.column_stack(
        [
            outcomes.weak_quality,
            outcomes.strong_quality,
            weak_cost,
            strong_cost,
            np.where(contestant.weak, outcomes.weak_quality, outcomes.strong_quality),
            np.where(contestant.weak, weak_cost, strong_cost) + contestant.overhead_usd,
        ]
    )
    found: Floats = counted @ columns / counted.sum(axis=1, keepdims=True)
    return rivals.Means(*(found[:, column] for column in range(found.shape[1])))


def _block(contestant: Contestant, outcomes: Outcomes, counted: Floats) -> Draws:
    where = contestant.where
    ranked = counted[:, where.order]
    calls = _totals(ranked, where)
    recovered = _totals(ranked * outcomes.gain[where.order], where)
    shares = calls / calls[:, -1:]
    gap = recovered[:, -1:]
    open_ = gap[:, 0] > 0
    recovered = recovered / np.where(open_[:, None], gap, 1.0)
    areas, half, most = (np.full(len(counted), np.nan) for _ in range(3))
    areas[open_] = np.trapezoid(recovered[open_], shares[open_], axis=1)
    half[open_] = crossing(shares[open_], recovered[open_], 0.5)
    most[open_] = crossing(shares[open_], recovered[open_], 0.8)
    return Draws(areas, half, most, means(contestant, outcomes, counted))


def _totals(ranked: Floats, where: Cuts) -> Floats:
    """Return the sums up to each cut, from none to all. Shape (draws, cuts)."""
    sums = np.cumsum(ranked, axis=1)
    return np.concatenate([np.zeros((len(ranked), 1)), sums[:, where.ends[1:] - 1]], axis=1)


def _joined(parts: Sequence[Draws]) -> Draws:
    return Draws(
        np.concatenate([part.apgr for part in parts]),
        np.concatenate([part.cpt50 for part in parts]),
        np.concatenate([part.cpt80 for part in parts]),
        rivals.Means(*(np.concatenate(field) for field in zip(*(part.means for part in parts), strict=True))),
    )
