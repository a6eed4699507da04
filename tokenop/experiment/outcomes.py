"""A routing policy on recorded outcomes: who would have answered, how well, and for how much. Nobody is asked.

The machinery is that of a run: pairs in an order that chance gave, a confidence sequence for each policy, and where it
is asked for, the stop that a live run would have made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.errors import InputError, MisuseError
from tokenop.experiment import policies, report, sampling, setup
from tokenop.experiment.model import BASELINE, NO_USAGE, Pair, Prompt, Reply, Result
from tokenop.experiment.race import Race
from tokenop.experiment.running import Ran
from tokenop.experiment.sides import Candidate, Move
from tokenop.providers.base import Target

if TYPE_CHECKING:
    from tokenop.research.routers import Outcomes, Recorded

DEFAULTS = ("random:0.5", "length:0.5", "oracle")


@dataclass(frozen=True)
class Asked:
    """What is to be evaluated. `baseline` None: the model that is right most often; `sample_size` None: all prompts."""

    folder: Path
    baseline: str | None
    candidates: tuple[str, ...]
    sample_size: int | None
    early: bool
    max_drop: Decimal
    seed: int


def evaluate(
    asked: Asked, when: datetime, prices_hash: str, say: Callable[[str], None] = lambda _: None
) -> report.Measured:
    """Return the run on recorded outcomes; `when` is the moment whose prices hold.

    Raises:
        FindingsError: a file of outcomes, or of a router, has errors.
        InputError: a model or a file is not there.
        MisuseError: a policy has no such form.
        NoInputError: there is no outcome.
    """
    from tokenop.research.routers import costs, read

    recorded = read([asked.folder], progress=say)
    today, other = _models(recorded, asked)
    strong, weak = (today, other) if _mean(recorded, today) >= _mean(recorded, other) else (other, today)
    outcomes = recorded.pair(weak, strong)
    names = asked.candidates or (other, *DEFAULTS)
    found = [policies.of(name, outcomes, asked.seed) for name in names]
    outcomes, found, held_out = _unseen(outcomes, found)
    say(f"{len(found)} policies on {len(outcomes):,} prompts")
    cost = costs.of(recorded, outcomes, when)
    sides = _Sides(outcomes, cost.weak, cost.strong, when)
    order = sampling.sample(sides.prompts(), asked.sample_size or len(outcomes), asked.seed)
    race = Race(
        [one.id for one in order],
        {one.name: float(asked.max_drop) for one in found},
        setup.CONFIDENCE,
        early=asked.early,
        yardsticks=frozenset({policies.ORACLE}),
    )
    baseline = _race(race, sides, found, today == weak)
    words = cost.words + (f"; {held_out}" if held_out else "")
    return report.Measured(
        setup=_setup(asked, sides, order, found, today, outcomes.sha256),
        ran=Ran(race, baseline),
        replies=(),
        prices_hash=prices_hash,
        source=f"outcomes {outcomes.sha256[:16]}, {len(outcomes)} distinct prompts",
        outcomes=words,
    )


def _models(recorded: Recorded, asked: Asked) -> tuple[str, str]:
    """Return today's model and the other one of the pair."""
    from tokenop.catalogue.schema import closest

    if len(recorded.models) < 2:
        raise InputError(f"{asked.folder}: outcomes of one model only ({', '.join(recorded.models)}); it takes two")
    ranked = sorted(recorded.models, key=lambda name: (-_mean(recorded, name), name))
    today = asked.baseline or ranked[0]
    if today not in recorded.models:
        raise MisuseError(f"--baseline: no outcomes of {today!r}; {closest(today, recorded.models)}")
    others = [name for name in ranked if name != today]
    named = [name for name in asked.candidates if name in others]
    if len(others) > 1 and len(named) != 1:
        raise MisuseError(f"name the other model once with --candidate; there are outcomes of {', '.join(others)}")
    return today, named[0] if named else others[0]


def _mean(recorded: Recorded, model: str) -> float:
    import numpy as np

    return float(np.nanmean(recorded.quality[model]))


def _unseen(outcomes: Outcomes, found: Sequence[policies.Policy]) -> tuple[Outcomes, list[policies.Policy], str]:
    """Return the outcomes that no router has learned from, the policies on them, and what was left out in words."""
    seen = [one.router for one in found if one.router is not None]
    if not seen:
        return outcomes, list(found), ""
    if any(router.trained_on == outcomes.sha256 for router in seen):
        raise InputError("a router was trained on these very outcomes: it cannot be judged on them")
    if len({(router.seed, router.trained_on) for router in seen}) > 1:
        raise InputError(
            "routers that learned from different prompts cannot be judged on the same ones: run one by one"
        )
    for router in seen:
        learned, held_out = outcomes.split(router.seed)
        if learned.sha256 == router.trained_on:
            left = f"{len(learned)} prompts that a router was trained on are left out"
            return held_out, [one.on(held_out) for one in found], left
    return outcomes, list(found), "that no router was trained on some of these prompts is not known"


class _Sides:
    """What each model made of each prompt, as results of a run."""

    def __init__(self, outcomes: Outcomes, weak: Any, strong: Any, when: datetime) -> None:
        self._outcomes = outcomes
        self.rows = {name: row for row, name in enumerate(outcomes.ids)}
        self._costs = (strong, weak)
        self._when = when

    def prompts(self) -> list[Prompt]:
        """Return the prompts; their words are not needed any more."""
        kinds = self._outcomes.categories or (None,) * len(self._outcomes)
        return [Prompt(name, (), intent=kind) for name, kind in zip(self._outcomes.ids, kinds, strict=True)]

    def quality(self, row: int, weak: bool) -> float:
        """Return how good a model's answer was."""
        return float((self._outcomes.weak_quality if weak else self._outcomes.strong_quality)[row])

    def result(self, row: int, weak: bool, side: str) -> Result:
        """Return a model's answer, with its cost."""
        model = self._outcomes.weak if weak else self._outcomes.strong
        costs = self._costs[weak]
        cost = None if costs is None else Decimal(f"{float(costs[row]):.12f}")
        name = self._outcomes.ids[row]
        reply = Reply(
            "", "answer", name, model, "unknown", model, (), "stop", NO_USAGE, cost, None, self._when, "recorded"
        )
        return Result(name, side, (), "stop", (reply,), how=model)


def _race(race: Race, sides: _Sides, found: Sequence[policies.Policy], today_weak: bool) -> Mapping[str, Result]:
    chosen = {one.name: one.weak for one in found}
    baseline: dict[str, Result] = {}
    while now := race.next_round():
        pairs: dict[str, list[Pair]] = {}
        for name, asked in now:
            row = sides.rows[name]
            first, before = sides.result(row, today_weak, BASELINE), sides.quality(row, today_weak)
            baseline[name] = first
            for policy in asked:
                weak = bool(chosen[policy][row])
                after = sides.quality(row, weak)
                second = sides.result(row, weak, policy)
                pairs.setdefault(policy, []).append(Pair(name, first, second, after - before, before, after, "outcome"))
        race.tell(pairs)
    return baseline


def _setup(
    asked: Asked, sides: _Sides, order: tuple[Prompt, ...], found: Sequence[policies.Policy], today: str, sha256: str
) -> setup.Setup:
    target = Target(today, "unknown", today)
    wanted = setup.Wanted(
        baseline=today, candidates=tuple(one.name for one in found), sample_size=len(order), max_drop=asked.max_drop,
        early=asked.early, seed=asked.seed,
    )  # fmt: skip
    made = setup.Setup(
        wanted=wanted,
        all_prompts={one.id: one for one in sides.prompts()},
        order=order,
        candidates=tuple(Candidate(one.name, one.title, asked.max_drop, (Move("routing"),)) for one in found),
        skipped=(),
        today=lambda _: (target,),
        baseline_name=today,
        judges=(),
        prompts_sha256=sha256,
        sample=False,
    )
    return replace(made, run_id=setup.run_id(made, f"outcomes {sha256}"))
