"""Train a policy: options and threshold by cross-validation on what may be learned from, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tokenop.errors import InputError
from tokenop.research.routers import features, rivals, threads
from tokenop.research.routers.curve import ALL_STRONG, ALL_WEAK, Curve, cuts, trace
from tokenop.research.routers.features import Features
from tokenop.research.routers.outcomes import Floats, Ints, Outcomes
from tokenop.research.routers.policy import Kind, Settings, Trained
from tokenop.research.routers.registry import POLICIES

FOLDS = 5
# Standard errors between threshold and limit: 2.4 for the interval it will be held to, the rest because the other half
# has its own luck.
_SURE = 3.5


def train(
    name: str,
    outcomes: Outcomes,
    seed: int,
    *,
    known: Features | None = None,
    overhead_usd: float = 0.0,
    max_drop: float | None = None,
    folds: int = FOLDS,
    progress: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Return the policy `name`, trained on all of `outcomes`; none of them may be used to judge it.

    Args:
        name: a key of `POLICIES`.
        outcomes: what may be learned from. Without costs, a weak call counts 0 and a strong one 1.
        seed: decides the folds.
        known: the features of `outcomes`, where they were extracted before.
        overhead_usd: what running the router costs a call.
        max_drop: how far quality may lie below the better model's, 0 … 1; the threshold is then the cheapest that
            keeps to it. None: the threshold with the largest gain over the random mix at equal cost.
        folds: how many parts the cross-validation has.
        progress: is told what is being done.

    Raises:
        InputError: there is no such policy, or what it needs is not installed.
    """
    kind = POLICIES.get(name)
    if kind is None:
        raise InputError(f"no policy {name!r}; there are: {', '.join(POLICIES)}")
    if why := kind.missing():
        raise InputError(why)
    known = features.extract(outcomes.prompts) if known is None else known
    parts = outcomes.folds(min(folds, len(outcomes)), seed)
    with threads.single():
        return _trained(kind, outcomes, known, parts, overhead_usd, max_drop, seed, progress)


def _trained(
    kind: Kind,
    outcomes: Outcomes,
    known: Features,
    parts: Ints,
    overhead_usd: float,
    max_drop: float | None,
    seed: int,
    progress: Callable[[str], None],
) -> Trained:
    divided = [
        _Fold.at(known, np.flatnonzero(parts == part), np.flatnonzero(parts != part)) for part in np.unique(parts)
    ]
    tried: list[tuple[Settings, Floats, tuple[float, ...]]] = []
    for options in kind.grid(len(outcomes)):
        progress(f"{kind.name}: {', '.join(f'{key} {value}' for key, value in options.items())}")
        scores = _out_of_fold(kind, outcomes, divided, options)
        tried.append((options, scores, _fold_scores(scores, outcomes, parts)))
    options, scores, areas = max(tried, key=lambda one: round(advantage(trace(one[1], outcomes)), 9))
    threshold = _static(outcomes) if not kind.learns else _threshold(scores, outcomes, overhead_usd, max_drop)
    return Trained(
        name=kind.name,
        model=kind.fit(known, outcomes.target, outcomes.counts, options),
        threshold=threshold,
        weak=outcomes.weak,
        strong=outcomes.strong,
        options=options,
        folds=areas,
        trained_on=outcomes.sha256,
        prompts=len(outcomes),
        seed=seed,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """One part of the cross-validation: what is scored (`inside`), and what is learned from (`outside`)."""

    inside: Ints
    outside: Ints
    asked: Features
    learned: Features

    @classmethod
    def at(cls, known: Features, inside: Ints, outside: Ints) -> _Fold:
        return cls(inside, outside, known.take(inside), known.take(outside))


def _out_of_fold(kind: Kind, outcomes: Outcomes, divided: Sequence[_Fold], options: Settings) -> Floats:
    """Return the score of each prompt by a model that did not see it. Shape (n,)."""
    scores = np.empty(len(outcomes))
    for fold in divided:
        target, counts = outcomes.target[fold.outside], outcomes.counts[fold.outside]
        scores[fold.inside] = kind.fit(fold.learned, target, counts, options).score(fold.asked)
    return scores


def _fold_scores(scores: Floats, outcomes: Outcomes, parts: Ints) -> tuple[float, ...]:
    found = []
    for part in np.unique(parts):
        inside = np.flatnonzero(parts == part)
        found.append(round(advantage(trace(scores[inside], outcomes.take(inside))), 6))
    return tuple(found)


def _static(outcomes: Outcomes) -> float:
    """Return the threshold of the better model, of the weak one where they are equal."""
    return ALL_STRONG if outcomes.counts @ outcomes.gain > 0 else ALL_WEAK


def _threshold(scores: Floats, outcomes: Outcomes, overhead_usd: float, max_drop: float | None) -> float:
    curve = trace(scores, outcomes)
    if max_drop is None:
        return float(curve.thresholds[np.argmax(gains(curve, overhead_usd).round(12))])
    cost = curve.shares if curve.cost is None else curve.cost
    enough = np.flatnonzero(_worst_drop(scores, outcomes) <= max_drop)
    return float(curve.thresholds[enough[np.argmin(cost[enough].round(15))]])


def _worst_drop(scores: Floats, outcomes: Outcomes) -> Floats:
    """Return how far each cut may lie below the better model: mean and `_SURE` standard errors. Shape (m,).

    A threshold that only just keeps to the limit here would break it on other prompts every second time.
    """
    where = cuts(scores)
    share = outcomes.counts[where.order] / outcomes.counts.sum()
    lost = outcomes.gain[where.order]
    if share @ lost > 0:
        # The strong model is better: what is lost is lost where the weak one is asked, after the cut.
        share, lost, ends = share[::-1], lost[::-1], len(scores) - where.ends
    else:
        lost, ends = -lost, where.ends
    mean = np.concatenate([[0.0], np.cumsum(share * lost)])[ends]
    square = np.concatenate([[0.0], np.cumsum(share * lost**2)])[ends]
    error = np.sqrt(np.maximum(square - mean**2, 0.0) * (share**2).sum())
    return np.asarray(mean + _SURE * error)


def advantage(curve: Curve) -> float:
    """Return the mean gain in quality over the random mix at equal cost, over all costs between the two models.

    Without costs, or where the strong model is no dearer, over all shares of strong calls.
    """
    cost = curve.cost
    if cost is None or cost[-1] <= cost[0]:
        return curve.area
    return float(np.trapezoid(gains(curve, 0.0), cost) / (cost[-1] - cost[0]))


def gains(curve: Curve, overhead_usd: float) -> Floats:
    """Return how far each point of a curve lies above the random mix at equal cost. Shape (m,)."""
    cost = curve.shares if curve.cost is None else curve.cost
    same = np.ones(len(cost))
    means = rivals.Means(
        same * curve.quality[0],
        same * curve.quality[-1],
        same * cost[0],
        same * cost[-1],
        curve.quality,
        cost + overhead_usd,
    )
    return np.asarray(curve.quality - rivals.mixed(means))
