"""Two sets of results on the same tasks, compared task by task.

A task counts as passed where more than half of its repeats pass, whatever the unknown ones would say; as failed where
no more than half can; else it is unknown. A tie is a fail, on both sides alike. Infrastructure is unknown: it is never
a pass and never a regression. The difference of a task is the share of known repeats that pass with the candidate less
the same with the baseline.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from tokenop.evals.anytime import ConfidenceSequence, Interval, anytime
from tokenop.evals.model import Outcome

__all__ = ["ConfidenceSequence", "Interval", "Paired", "anytime", "regressions", "share_at_most", "standing"]

Standing = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Paired:
    """How many of `n` tasks, known on both sides, pass with both, with one of them, with neither.

    `only_baseline` are regressions, `only_candidate` improvements. `unknown` tasks are on top of `n`. The tuples name
    the tasks, sorted. `differences` are in [-1, 1], candidate less baseline, one for each of the `n` tasks in the order
    of their names.
    """

    n: int
    both: int
    only_baseline: int
    only_candidate: int
    neither: int
    unknown: int = 0
    regressed: tuple[str, ...] = ()
    improved: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    differences: tuple[float, ...] = ()

    @property
    def drop(self) -> float | None:
        """Return the share of tasks that pass with the baseline less that with the candidate; None without tasks."""
        return (self.only_baseline - self.only_candidate) / self.n if self.n else None

    @property
    def p_value(self) -> float:
        """Return McNemar's exact two-sided p: how often chance alone gives tasks that differ so unevenly."""
        differing = self.only_baseline + self.only_candidate
        fewer = min(self.only_baseline, self.only_candidate)
        return min(1.0, 2 * _at_most(fewer, differing, 0.5)) if differing else 1.0

    def upper_bound(self, confidence: float = 0.95) -> float:
        """Return the largest rate of regressions (0–1) that these tasks do not rule out: exact, one-sided."""
        return share_at_most(self.only_baseline, self.n, confidence)

    def drop_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval for `drop` by Tango's score method (Statistics in Medicine 17, 1998).

        For one look at the end. Whoever looks more often asks `anytime` about `differences`.
        """
        return _tango(self.only_baseline, self.only_candidate, self.n, confidence)


def regressions(baseline: Sequence[Outcome], candidate: Sequence[Outcome]) -> Paired:
    """Pair the outcomes of two runs by task. A task that only one of them has is unknown."""
    old, new = _by_task(baseline), _by_task(candidate)
    cells: dict[tuple[Standing, Standing], list[str]] = defaultdict(list)
    unclear: list[str] = []
    differences: list[float] = []
    for task in sorted({*old, *new}):
        pair = standing(old.get(task, [])), standing(new.get(task, []))
        if "unknown" in pair:
            unclear.append(task)
            continue
        cells[pair].append(task)
        differences.append(_share(new[task]) - _share(old[task]))
    regressed, improved = cells["pass", "fail"], cells["fail", "pass"]
    both, neither = len(cells["pass", "pass"]), len(cells["fail", "fail"])
    return Paired(
        n=both + len(regressed) + len(improved) + neither,
        both=both,
        only_baseline=len(regressed),
        only_candidate=len(improved),
        neither=neither,
        unknown=len(unclear),
        regressed=tuple(regressed),
        improved=tuple(improved),
        unclear=tuple(unclear),
        differences=tuple(differences),
    )


def standing(outcomes: Sequence[Outcome]) -> Standing:
    """Return what the repeats of one task say of it."""
    passed = sum(outcome.result == "pass" for outcome in outcomes)
    unknown = sum(outcome.result == "infrastructure" for outcome in outcomes)
    if not outcomes or unknown == len(outcomes):
        return "unknown"
    if 2 * passed > len(outcomes):
        return "pass"
    return "fail" if 2 * (passed + unknown) <= len(outcomes) else "unknown"


def share_at_most(hits: int, of: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a share after `hits` of `of` (Clopper and Pearson); 1 without any."""
    if hits >= of:
        return 1.0
    alpha = 1 - confidence
    return _halve(lambda share: _at_most(hits, of, share) >= alpha, hits / of, 1.0)


def _by_task(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome.task].append(outcome)
    return found


def _share(outcomes: Sequence[Outcome]) -> float:
    known = [outcome.result == "pass" for outcome in outcomes if outcome.result != "infrastructure"]
    return sum(known) / len(known)


def _at_most(hits: int, of: int, share: float) -> float:
    """Return the chance of at most `hits` among `of` when each has the chance `share`; for any number of them."""
    if share <= 0 or hits >= of:
        return 1.0
    if share >= 1 or hits < 0:
        return 0.0
    yes, no, ways = math.log(share), math.log1p(-share), math.lgamma(of + 1)
    terms = (
        math.exp(ways - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * yes + (of - k) * no) for k in range(hits + 1)
    )
    return min(1.0, math.fsum(terms))


def _halve(holds: Callable[[float], bool], yes: float, no: float) -> float:
    """Return the point between `yes`, where something holds, and `no`, where it does not, up to which it holds."""
    while (middle := (yes + no) / 2) not in (yes, no):
        if holds(middle):
            yes = middle
        else:
            no = middle
    return no


def _tango(lost: int, won: int, n: int, confidence: float) -> tuple[float, float]:
    """Return the drops at which the score test of "the drop is this" just does not reject."""
    if not n:
        return -1.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)

    def score(drop: float) -> float:
        linear = -lost - won + (2 * n - lost + won) * drop
        constant = -won * drop * (1 - drop)
        # The share of "won" that fits best where the drop is `drop`: the root of 2n·q² + linear·q + constant.
        q = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
        spread = n * (2 * q + drop * (1 - drop))
        gap = lost - won - n * drop
        if spread <= 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / math.sqrt(spread)

    seen = (lost - won) / n
    low = -1.0 if score(-1.0) <= z else _halve(lambda drop: score(drop) <= z, seen, -1.0)
    high = 1.0 if score(1.0) >= -z else _halve(lambda drop: score(drop) >= -z, seen, 1.0)
    return low, high
