"""Whether a change of routing makes answers worse: paired task by task, decided by counting.

More regressions than the limit fail. 25 tasks cannot prove a small margin, so the upper bound of the rate of
regressions stands beside the verdict; where there are enough tasks that it could, the interval decides instead. What is
unknown never passes: where it could change the verdict, or where an answer is simply not recorded, the verdict is
`inconclusive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from tokenop.evals.model import Outcome, Task
from tokenop.evals.paired import Paired, Standing, regressions, share_at_most, standing
from tokenop.evals.sides import (
    Compared,
    Configured,
    Engine,
    Measured,
    Side,
    compared,
    lowered,
    not_looked_at,
    silent_rules,
)

LIMIT = 3  # of 25, in CI; the seeds' number
HOOK_LIMIT = 5  # of the tasks that can be run, in a git hook
MARGIN = 0.01  # the drop that `run` must rule out
CONFIDENCE = 0.95
# A margin wider than the seeds' share decides nothing: counting does.
MOST_MARGIN = LIMIT / 25

Decision = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A task and the model that nobody knows its result with. `recorded` False: no answer is there to look at."""

    task: str
    engine: str
    side: Literal["baseline", "candidate"]
    reason: str
    missing: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One task on both sides. `same` says that both ask the same model: routing cannot make it worse."""

    compared: Compared
    same: bool
    before: Standing
    after: Standing
    detail: str
    unknown: tuple[Unknown, ...]
    outcomes: tuple[tuple[Outcome, ...], tuple[Outcome, ...]] = ((), ())

    @property
    def open(self) -> bool:
        """Return whether it may be a regression for all that is known."""
        return bool(self.unknown) and self.before != "fail" and self.after != "pass"

    @property
    def regressed(self) -> bool:
        """Return whether it is one."""
        return not self.unknown and (self.before, self.after) == ("pass", "fail")


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides. `runnable_only`: unknown pairs do not count at all, as a git hook wants it."""

    limit: int = LIMIT
    margin: float = MARGIN
    confidence: float = CONFIDENCE
    runnable_only: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. `paired` counts what was compared; `bound` is the upper bound of its rate of regressions.

    `by` is `regressions` or `interval`. `lowered` says how the change asks less of later ones, `not_looked_at` what of
    it the golden tasks tell nothing of. `sample`: made-up answers were compared, so it says nothing about models.
    `cost` is what the compared tasks cost in US dollars before and after, None where it is not known of all.
    """

    decision: Decision
    why: str
    by: Literal["regressions", "interval"]
    paired: Paired
    bound: float
    pairs: tuple[Pair, ...]
    silent: tuple[str, ...]
    rules: Rules
    names: tuple[str, str]
    config_sha256: str
    sample: bool
    cost: tuple[Decimal | None, Decimal | None]
    lowered: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[Pair, ...]:
        """Return the regressions."""
        return tuple(pair for pair in self.pairs if pair.regressed)

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """Return what is not known and could matter, in the order of the pairs."""
        return tuple(dict.fromkeys(one for pair in self.pairs if pair.open for one in pair.unknown))

    @property
    def unchanged(self) -> int:
        """Return how many pairs ask the same model on both sides."""
        return sum(pair.same for pair in self.pairs)

    def of_tier(self, tier: str) -> Decision:
        """Return what the pairs of one tier alone would come to, by the same limit."""
        pairs = [pair for pair in self.pairs if pair.compared.tier == tier]
        return _by_count(pairs, self.rules)[0]

    def explained(self) -> str:
        """Return what the number of tasks can prove and what it cannot."""
        n, sure = self.paired.n, f"{self.rules.confidence:.0%}"
        if not n:
            return "No task was answered by another model than before on both sides, so there is nothing to estimate."
        least = share_at_most(0, n, self.rules.confidence)
        return (
            f"{self.paired.only_baseline} of {n} compared tasks got worse, so with {sure} confidence at most "
            f"{self.bound:.1%} of such tasks do. {n} tasks cannot prove less than {least:.1%}, however well they go; "
            "`tokenop run` compares as many prompts as it takes."
        )


def kept(
    before: Side,
    after: Side,
    tasks: Mapping[str, Task],
    tiers: Iterable[str] = (),
    margin: float | None = None,
    rules: Rules | None = None,
) -> Verdict:
    """Return whether `after` may replace `before` on the tasks of `tiers`, by default those that the configs must keep.

    Without a `margin` it is the configs' own. A change that takes a tier or a margin out of its config keeps to what
    stood there before.
    """
    metas = [side.config.meta for side in (before, after) if isinstance(side, Configured)]
    every = {task.tier for task in tasks.values()}
    chosen = set(tiers) or {tier for meta in metas for tier in meta.golden_tiers} or every
    margins = [float(meta.max_quality_drop) for meta in metas] or [MARGIN]
    held = replace(rules or Rules(), margin=min(margins) if margin is None else margin)
    sides = [
        side.within(chosen) if isinstance(side, Measured) and chosen != every else side for side in (before, after)
    ]
    return judge(sides[0], sides[1], {name: task for name, task in tasks.items() if task.tier in chosen}, held)


def judge(before: Side, after: Side, tasks: Mapping[str, Task], rules: Rules | None = None) -> Verdict:
    """Return whether `after` may replace `before`, on the golden `tasks` by id."""
    rules = rules or Rules()
    made_up = _is_sample(before) and _is_sample(after)
    pairs = tuple(_pair(before, after, one, made_up) for one in compared(before, after, tasks))
    silent, less = silent_rules(before, after, tasks), lowered(before, after)
    known = [pair for pair in pairs if not pair.same and not pair.unknown]
    paired = regressions(_named(known, 0), _named(known, 1))
    powered = _zero_drop(paired.n, rules) <= rules.margin <= MOST_MARGIN
    decision, why = _by_interval(paired, pairs, rules) if powered else _by_count(pairs, rules)
    if decision != "fail" and not rules.runnable_only and (silent or less):
        decision, why = "inconclusive", "; ".join([*_silence(silent), *less])
    return Verdict(
        decision=decision,
        why=why,
        by="interval" if powered else "regressions",
        paired=paired,
        bound=paired.upper_bound(rules.confidence) if paired.n else 1.0,
        pairs=pairs,
        silent=silent,
        rules=rules,
        names=(before.name, after.name),
        config_sha256=after.config_sha256,
        sample=any(_sampled(outcomes) for pair in pairs for outcomes in pair.outcomes),
        cost=(_cost(known, 0), _cost(known, 1)),
        lowered=less,
        not_looked_at=not_looked_at(before, after),
    )


def _pair(before: Side, after: Side, one: Compared, made_up: bool) -> Pair:
    same = one.before is not None and one.before == one.after
    if same and (isinstance(before, Configured) or isinstance(after, Configured)):
        return Pair(one, True, "unknown", "unknown", "the same model as before", ())
    old, new = before.outcomes(one.task, one.before), after.outcomes(one.task, one.after)
    sides: tuple[tuple[Side, Literal["baseline", "candidate"], Sequence[Outcome]], ...]
    sides = (before, "baseline", old), (after, "candidate", new)
    unknown = [each for side, name, outcomes in sides for each in _unknown(side, one, name, outcomes, made_up)]
    if not unknown and _task_of(old) != _task_of(new):
        unknown = [_why_not(one, "candidate", after, "the task was changed between the two", missing=True)]
    if not unknown and None in _task_of(new):
        unknown = [_why_not(one, "candidate", after, "it is not told which state of the task this is", missing=True)]
    usable = [() if any(each.side == side for each in unknown) else outcomes
              for side, outcomes in (("baseline", old), ("candidate", new))]  # fmt: skip
    detail = next((outcome.check_detail for outcome in new if outcome.result == "fail"), "")
    return Pair(one, False, standing(usable[0]), standing(usable[1]), detail, tuple(unknown), (old, new))


def _unknown(
    side: Side, one: Compared, name: Literal["baseline", "candidate"], outcomes: Sequence[Outcome], made_up: bool
) -> list[Unknown]:
    if isinstance(side, Configured) and (one.before if name == "baseline" else one.after) is None:
        return [_why_not(one, name, side, f"has no chain for {one.tier}", missing=True)]
    if not outcomes:
        reason = "no recording" if isinstance(side, Configured) else "not in this run"
        return [_why_not(one, name, side, reason, missing=True)]
    if _sampled(outcomes) and not made_up:
        reason = "only a made-up answer, which counts for nothing but samples"
        return [_why_not(one, name, side, reason, missing=True)]
    if standing(outcomes) != "unknown":
        return []
    first = next((each for each in outcomes if each.result == "infrastructure"), outcomes[0])
    return [_why_not(one, name, side, first.check_detail, missing=first.error_kind == "missing_recording")]


def _why_not(
    one: Compared, name: Literal["baseline", "candidate"], side: Side, reason: str, *, missing: bool
) -> Unknown:
    engine: Engine | None = one.before if name == "baseline" else one.after
    return Unknown(one.task, str(engine or side.name), name, reason, missing)


def _silence(silent: Sequence[str]) -> list[str]:
    return [f"no golden task tells what the rule {', '.join(silent)} changes: give it `tiers`"] if silent else []


def _by_count(pairs: Iterable[Pair], rules: Rules) -> tuple[Decision, str]:
    pairs = tuple(pairs)
    worse = sum(pair.regressed for pair in pairs)
    unclear = [pair for pair in pairs if pair.open]
    compared = sum(not pair.same and not pair.unknown for pair in pairs)
    told = f"{worse} of {compared} compared tasks got worse"
    if worse > rules.limit:
        return "fail", f"{told}, more than {rules.limit}"
    if rules.runnable_only:
        left = f"; {len(unclear)} could not be compared here" if unclear else ""
        return "pass", f"{told}, not more than {rules.limit}{left}"
    if missing := sum(any(each.missing for each in pair.unknown) for pair in unclear):
        return "inconclusive", f"{told}, but of {missing} nothing is known: answers to compare are missing"
    if worse + len(unclear) > rules.limit:
        return (
            "inconclusive",
            f"{told}, and {len(unclear)} that nothing is known of could make it more than {rules.limit}",
        )
    if not pairs:
        return "inconclusive", "there is no task to compare"
    if not compared and not unclear and all(pair.same for pair in pairs):
        return "pass", "every golden task goes to the same model as before"
    return "pass", f"{told}, not more than {rules.limit}"


def _by_interval(paired: Paired, pairs: Iterable[Pair], rules: Rules) -> tuple[Decision, str]:
    """Decide where there are tasks enough: non-inferiority by the margin, whatever the unknown ones would have been."""
    unclear = sum(pair.open for pair in pairs)
    at_worst = replace(paired, n=paired.n + unclear, only_baseline=paired.only_baseline + unclear)
    at_best = replace(paired, n=paired.n + unclear)
    high, low = at_worst.drop_interval(rules.confidence)[1], at_best.drop_interval(rules.confidence)[0]
    told = f"of {paired.n} tasks {paired.drop or 0:+.2%} fewer pass"
    if high <= rules.margin:
        return "pass", f"{told}, at most {high:.2%} where {rules.margin:.2%} are allowed"
    if low > rules.margin:
        return "fail", f"{told}, at least {low:.2%} where {rules.margin:.2%} are allowed"
    return "inconclusive", f"{told}, which may be {low:.2%} to {high:.2%} where {rules.margin:.2%} are allowed"


def _zero_drop(n: int, rules: Rules) -> float:
    """Return how small a drop `n` tasks can rule out when no two results differ."""
    return Paired(n, n, 0, 0, 0).drop_interval(rules.confidence)[1]


def _named(pairs: Iterable[Pair], side: int) -> list[Outcome]:
    """Return the outcomes of one side under the names of their pairs: a task may be compared in several ways."""
    found = []
    for number, pair in enumerate(pairs):
        name = f"{pair.compared.key} {number:06}"
        found += [replace(outcome, task=name) for outcome in pair.outcomes[side]]
    return found


def _is_sample(side: Side) -> bool:
    if isinstance(side, Configured):
        return side.config.meta.sample
    return any(_sampled(outcomes) for outcomes in side.by_task.values())


def _sampled(outcomes: Iterable[Outcome]) -> bool:
    return any(outcome.source == "sample" for outcome in outcomes)


def _task_of(outcomes: Iterable[Outcome]) -> set[object]:
    return {outcome.extra.get("task_sha256") for outcome in outcomes}


def _cost(pairs: Iterable[Pair], side: int) -> Decimal | None:
    """Return what one repeat of each compared task costs in US dollars; None where it is not known of all."""
    total, some = Decimal(0), False
    for pair in pairs:
        costs = [outcome.cost_usd for outcome in pair.outcomes[side]]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs) or not known:
            return None
        total += sum(known, Decimal(0)) / len(known)
        some = True
    return total if some else None


__all__ = [
    "HOOK_LIMIT",
    "LIMIT",
    "MARGIN",
    "Configured",
    "Measured",
    "Pair",
    "Rules",
    "Unknown",
    "Verdict",
    "judge",
    "kept",
]
