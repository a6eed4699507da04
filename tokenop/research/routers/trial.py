"""The trial: train on one half, judge on the other, and recommend a router only where it surely helps.

A policy is recommended where all of this holds on held-out prompts, at the threshold chosen before on the other half:

- costs are known, so that the router's own can be charged;
- its quality is above that of the random mix of both models at equal cost, and so is the lower end of the interval;
- its decisions, dealt out among the prompts by chance, seldom do as well (see `shuffling`);
- the same against the best single model that costs no more;
- where a largest drop was asked for: the interval of its drop below the better model stays within it.

The intervals of these questions share the error: with m policies on trial each is at 1 - alpha / m (Bonferroni), so
that the chance of recommending any policy where none helps is at most alpha.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tokenop.errors import InputError
from tokenop.research.routers import features, rivals, threads
from tokenop.research.routers.bootstrap import Contestant, Draws, Estimate, means, resample
from tokenop.research.routers.curve import Curve, cuts, oracle, trace
from tokenop.research.routers.features import Features
from tokenop.research.routers.outcomes import Floats, Outcomes
from tokenop.research.routers.policy import Trained
from tokenop.research.routers.registry import POLICIES
from tokenop.research.routers.shuffling import chance
from tokenop.research.routers.training import train

DRAWS = 2000
ALPHA = 0.05
_TIMED = 25
RANDOM, ORACLE = "random mix", "oracle"


@dataclass(frozen=True, slots=True)
class Overhead:
    """What running a router costs: `milliseconds` of one core at `usd_per_core_hour`, and `usd` a call beside that."""

    milliseconds: float = 10.0
    usd_per_core_hour: float = 0.05
    usd: float = 0.0

    def at_least(self, measured: float) -> Overhead:
        """Return an overhead that covers `measured` milliseconds, doubled until it does.

        In steps, so that the same input gives the same figures although no two measurements are the same.
        """
        if measured <= self.milliseconds:
            return self
        return replace(self, milliseconds=2 * self.milliseconds).at_least(measured)

    @property
    def usd_per_call(self) -> float:
        """Return US dollars a call."""
        return self.milliseconds / 3_600_000 * self.usd_per_core_hour + self.usd


@dataclass(frozen=True, slots=True)
class Point:
    """What a policy gives on the held-out half at its threshold; costs in US dollars a call, its own included.

    `vs_mix` and `vs_single` are differences in quality at equal cost, `vs_best` that to the better model whatever it
    costs; `saving` is the share of the better model's cost that is saved. `chance` is how often chance does as well.
    """

    threshold: float
    strong_share: float
    quality: float
    cost: float
    vs_mix: Estimate
    vs_single: Estimate
    vs_best: Estimate
    saving: Estimate
    chance: float


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One policy as judged. `policy` and `point` are None for the random mix and the oracle, which nobody can run."""

    name: str
    title: str
    apgr: Estimate
    cpt50: Estimate
    cpt80: Estimate
    curve: Curve
    policy: Trained | None = None
    point: Point | None = None
    recommended: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The whole trial; `best` is the recommended policy, None where none is.

    `measured_ms` is how long the slowest policy took for one prompt here; `skipped` says what was not tried, and why.
    """

    learned: Outcomes
    held_out: Outcomes
    judged: tuple[Judged, ...]
    overhead: Overhead
    costs_known: bool
    seed: int
    alpha: float
    draws: int
    max_drop: float | None
    best: Judged | None
    measured_ms: float | None = None
    skipped: tuple[str, ...] = ()


def hold(
    outcomes: Outcomes,
    seed: int = 0,
    names: Sequence[str] = (),
    *,
    overhead: Overhead | None = None,
    max_drop: float | None = None,
    alpha: float = ALPHA,
    draws: int = DRAWS,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str], None] = lambda _: None,
) -> Trial:
    """Train policies on one half of `outcomes` and judge them on the other.

    Args:
        outcomes: a pair of models; with costs, else a router cannot be recommended.
        seed: decides halves, folds and draws.
        names: keys of `POLICIES`; empty for all that can be trained here.
        overhead: what running a router costs.
        max_drop: how far quality may lie below the better model's, 0 … 1; None: no limit is asked for.
        alpha: the chance of recommending something where nothing helps.
        draws: how often the held-out prompts are drawn again.
        clock: seconds, to measure how long a policy takes.
        progress: is told what is being done.

    Raises:
        InputError: too few prompts, an unknown policy, or one that was named and cannot be trained here.
    """
    own = overhead or Overhead()
    wanted, skipped = _wanted(names)
    costs_known = outcomes.weak_cost is not None and outcomes.strong_cost is not None
    if not costs_known:
        # Calls to the strong model stand for cost, as in RouteLLM; the router's own cannot be charged in them.
        outcomes = outcomes.with_costs(np.zeros(len(outcomes)), np.ones(len(outcomes)))
    charge = own.usd_per_call if costs_known else 0.0
    learned, held_out = outcomes.split(seed)
    progress("extracting features")
    known, asked = features.extract(learned.prompts), features.extract(held_out.prompts)
    trained = [
        train(name, learned, seed, known=known, overhead_usd=charge if POLICIES[name].learns else 0.0,
              max_drop=max_drop, progress=progress)
        for name in wanted
    ]  # fmt: skip
    with threads.single():
        measured = max((_milliseconds(one, held_out.prompts, clock) for one in trained), default=0.0)
    own = own.at_least(measured)
    charge = own.usd_per_call if costs_known else 0.0
    with threads.single():
        judged = _judged(trained, asked, held_out, charge, alpha, draws, seed, progress)
    judged = [_verdict(one, costs_known, max_drop) for one in judged]
    best = max((one for one in judged if one.recommended), key=_promise, default=None)
    return Trial(
        learned, held_out, tuple(judged), own, costs_known, seed, alpha, draws, max_drop, best, measured, tuple(skipped)
    )


def _wanted(names: Sequence[str]) -> tuple[list[str], list[str]]:
    for name in names:
        if name not in POLICIES:
            raise InputError(f"no policy {name!r}; there are: {', '.join(POLICIES)}")
    if names:
        return [name for name in POLICIES if name in names], []
    reasons = {name: POLICIES[name].missing() for name in POLICIES}
    return [name for name, why in reasons.items() if not why], [why for why in reasons.values() if why]


def _milliseconds(policy: Trained, prompts: Sequence[str], clock: Callable[[], float]) -> float:
    """Return how long one decision takes: the quickest of some, as other work on the machine only slows it down."""
    taken = []
    for prompt in prompts[:_TIMED]:
        start = clock()
        policy.score([prompt])
        taken.append(clock() - start)
    return 1000 * min(taken, default=0.0)


def _promise(one: Judged) -> float:
    """Return how good a policy looked in cross-validation: choosing by the held-out half would flatter."""
    return float(np.mean(one.policy.folds)) if one.policy else 0.0


def _judged(
    trained: Sequence[Trained],
    asked: Features,
    held_out: Outcomes,
    charge: float,
    alpha: float,
    draws: int,
    seed: int,
    progress: Callable[[str], None],
) -> list[Judged]:
    """Return the policies with their figures, then random mix and oracle."""
    learning = [one for one in trained if POLICIES[one.name].learns]
    level = 1 - alpha / max(1, len(learning))
    scores = [one.model.score(asked) for one in trained]
    contestants = [
        Contestant(cuts(score), score >= one.threshold, charge if POLICIES[one.name].learns else 0.0)
        for one, score in zip(trained, scores, strict=True)
    ]
    perfect = oracle(held_out)
    contestants.append(Contestant(cuts(perfect), perfect >= 0.5, 0.0))
    found = resample(contestants, held_out, draws, seed, progress)
    judged = []
    for one, score, contestant, drawn in zip(trained, scores, contestants, found, strict=False):
        figures = _figures(trace(score, held_out), drawn, alpha)
        luck = chance(contestant, held_out, draws, seed) if POLICIES[one.name].learns else 1.0
        at = _point(one.threshold, contestant, held_out, drawn, level, luck)
        judged.append(replace(figures, name=one.name, title=POLICIES[one.name].title, policy=one, point=at))
    flat = trace(np.zeros(len(held_out)), held_out)
    even = (Estimate(flat.apgr), Estimate(flat.cpt(0.5)), Estimate(flat.cpt(0.8)))
    judged.append(Judged(RANDOM, "either model by chance", *even, flat))
    known_all = _figures(trace(perfect, held_out), found[-1], alpha)
    judged.append(replace(known_all, name=ORACLE, title="knows every outcome; no router can do better"))
    return judged


def _figures(curve: Curve, drawn: Draws, alpha: float) -> Judged:
    level = 1 - alpha
    return Judged(
        "",
        "",
        Estimate.of(curve.apgr, drawn.apgr, level),
        Estimate.of(curve.cpt(0.5), drawn.cpt50, level),
        Estimate.of(curve.cpt(0.8), drawn.cpt80, level),
        curve,
    )


def _point(
    threshold: float, contestant: Contestant, held_out: Outcomes, drawn: Draws, level: float, luck: float
) -> Point:
    mean = means(contestant, held_out, held_out.counts[None, :])

    def versus(rival: Callable[[rivals.Means], Floats]) -> Estimate:
        value = float((mean.quality - rival(mean))[0])
        return Estimate.of(value, drawn.means.quality - rival(drawn.means), level)

    strong_is_better = bool(mean.strong_quality[0] > mean.weak_quality[0])

    def saved(some: rivals.Means) -> Floats:
        cost = some.strong_cost if strong_is_better else some.weak_cost
        return np.asarray(np.where(cost > 0, 1 - some.cost / np.where(cost > 0, cost, 1.0), np.nan))

    saving = float(saved(mean)[0])
    share = float(held_out.counts @ ~contestant.weak / held_out.counts.sum())
    return Point(
        threshold,
        share,
        float(mean.quality[0]),
        float(mean.cost[0]),
        versus(rivals.mixed),
        versus(rivals.single),
        versus(rivals.best),
        Estimate.of(None if np.isnan(saving) else saving, saved(drawn.means), level),
        luck,
    )


def _verdict(one: Judged, costs_known: bool, max_drop: float | None) -> Judged:
    """Return the policy with its verdict and the reason, in words."""
    if one.policy is None or one.point is None:
        return one
    if not POLICIES[one.name].learns:
        model = one.policy.strong if one.point.strong_share > 0.5 else one.policy.weak
        return replace(one, why=f"the single model to beat: {model}")
    reasons = []
    if not costs_known:
        reasons.append("costs are unknown, so its own cannot be charged")
    for rival, gain in (
        ("the random mix", one.point.vs_mix),
        ("the best single model", one.point.vs_single),
    ):
        if gain.low is None or gain.low <= 0:
            reasons.append(f"at equal cost {rival} may be as good: {points(gain)}")
    if one.point.chance > 1 - (one.point.vs_mix.level or 1.0):
        reasons.append(f"decisions dealt out by chance do as well in {one.point.chance:.1%} of all cases")
    if max_drop is not None and -(one.point.vs_best.low or 0.0) > max_drop:
        reasons.append(f"it may lose more than {100 * max_drop:g} points: {points(one.point.vs_best)}")
    if reasons:
        return replace(one, why="; ".join(reasons))
    return replace(one, recommended=True, why=_gains(one.point))


def _gains(point: Point) -> str:
    """Return what a policy gains and what it gives up, so that nobody takes a saving for free."""
    saving = "" if point.saving.value is None else f" for {100 * point.saving.value:.0f} % less cost"
    return (
        f"at equal cost {points(point.vs_mix)} over the random mix and {points(point.vs_single)} over the best single "
        f"model; against the better model alone {points(point.vs_best)} of quality{saving}"
    )


def points(estimate: Estimate) -> str:
    """Return a difference in quality as points of a hundred, with its interval."""
    if estimate.value is None:
        return "unknown"
    text = f"{100 * estimate.value:+.1f} points"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"
