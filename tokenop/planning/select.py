"""Choosing templates: exact, by branch and bound on the pooled workload.

The objective is the net saving over the horizon with expected parameters: months × (joint monthly saving − running
cost) − implementation cost. Decisions are taken in the order of the chain of levers. At each node the state after all
levers decided so far is exact, and what the undecided ones could still save is bounded per cell by the product of
their ceilings, less what each of them takes to have (see `_Search._bound`); no subset is left out that could be better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from tokenop.catalogue.model import Template
from tokenop.economics.levers import KINDS, Bound, self_host
from tokenop.economics.levers.base import Values
from tokenop.economics.state import Array, Cells, State, initial
from tokenop.planning.policy import Policy

# Below this difference, in USD over the horizon, two sets are equally good and the smaller one stays.
EQUAL = 1e-6
# Stands for 0 where a logarithm is taken.
LEAST = 1e-300


@dataclass(frozen=True)
class Problem:
    """What to choose from. `bounds` are all levers of all templates, in chain order.

    `accept` is asked about a set only where it would be the new best: constraints that need a replay of the rows.
    """

    cells: Cells
    hours: float
    monthly: float
    templates: tuple[Template, ...]
    bounds: tuple[Bound, ...]
    values: Mapping[str, Values]
    policy: Policy
    accept: Callable[[frozenset[str]], bool] = lambda chosen: True  # noqa: ARG005
    drops: Mapping[str, Decimal] = field(default_factory=dict)  # by template: quality lost on average over all calls

    def fixed_cost(self, template: Template) -> float:
        """Return implementation and running cost of a template over the horizon, in USD."""
        plan = template.implementation
        months = self.policy.horizon_months
        return float(plan.hours * plan.hourly_rate_usd + plan.monthly_running_usd * months)

    def drop(self, template: Template) -> Decimal:
        """Return the quality that a template may cost on average over all calls; all of its drop where unknown."""
        return self.drops.get(template.id, template.quality.max_absolute_drop)

    def net(self, chosen: frozenset[str]) -> float:
        """Return the net saving of a set over the horizon, in USD."""
        before = initial(self.cells, self.hours)
        after = before.copy()
        for bound in self.bounds:
            if bound.template in chosen:
                KINDS[bound.lever.kind].apply(bound, after, self.values[bound.name])
        saved = float(before.cost()[0] - after.cost()[0]) * self.monthly * float(self.policy.horizon_months)
        return saved - sum(self.fixed_cost(one) for one in self.templates if one.id in chosen)


def allowed(problem: Problem, chosen: frozenset[str], *, complete: bool) -> bool:
    """Return whether a set keeps the constraints; an incomplete one may still gain what its members require."""
    members = [one for one in problem.templates if one.id in chosen]
    for one in members:
        if chosen & set(one.conflicts) or (complete and not set(one.requires) <= chosen):
            return False
    policy = problem.policy
    if (
        policy.effort_hours is not None
        and sum((m.implementation.hours for m in members), Decimal(0)) > policy.effort_hours
    ):
        return False
    drop = sum((problem.drop(one) for one in members), Decimal(0))
    return policy.max_quality_drop is None or drop <= policy.max_quality_drop


def ceilings(problem: Problem) -> dict[str, Array]:
    """Return by lever, for each cell, the largest share of its cost that the lever can save in any state.

    The resources of the inventory come after the cells, as in the state's costs.
    """
    found = {}
    for bound in problem.bounds:
        most = KINDS[bound.lever.kind].ceiling(bound, problem.cells, problem.values[bound.name], problem.bounds)
        if bound.lever.kind == "capacity":
            found[bound.name] = np.concatenate([np.zeros(problem.cells.size), most])
        else:
            found[bound.name] = np.concatenate([most, np.zeros(problem.cells.fleet.size)])
    return found


@dataclass(frozen=True, slots=True)
class _Undecided:
    """From one place of the chain on: by template (rows, sorted as `ids`), what its levers from there on may save."""

    ids: tuple[str, ...]
    keep: Array  # (templates, cells) least share of a cell's cost that is left
    logs: Array  # (templates, cells) its logarithm: products are sums
    lost: Array  # (templates, cells) share of what is left of a cell that the template took, (1 − keep) ÷ keep
    price: Array  # (templates,) USD over the horizon that having the template takes at least


@dataclass(slots=True)
class _Search:
    problem: Problem
    undecided: tuple[_Undecided, ...]  # by place
    start: float
    best: frozenset[str]
    best_net: float
    visited: int = 0
    needs: dict[str, frozenset[str]] = field(init=False)
    rivals: dict[str, frozenset[str]] = field(init=False)
    tight: bool = field(init=False)  # sums are limited: hours or quality

    def __post_init__(self) -> None:
        """Note who needs and who excludes whom."""
        templates, policy = self.problem.templates, self.problem.policy
        self.needs = {one.id: frozenset(one.requires) for one in templates}
        self.rivals = {
            one.id: frozenset(one.conflicts) | {other.id for other in templates if one.id in other.conflicts}
            for one in templates
        }
        self.tight = policy.effort_hours is not None or policy.max_quality_drop is not None

    def visit(
        self, place: int, state: State, chosen: frozenset[str], left: frozenset[str], cost: Array | None = None
    ) -> None:
        """Decide the levers from `place` on; `left` are the templates decided against, `cost` is that of the state."""
        self.visited += 1
        problem = self.problem
        cost = state.cost_by_cell()[0] if cost is None else cost
        if place == len(problem.bounds):
            if allowed(problem, chosen, complete=True):
                net = self._net(float(cost.sum() + state.extra[0]), chosen)
                if net > self.best_net + EQUAL and problem.accept(chosen):
                    self.best, self.best_net = chosen, net
            return
        if self._bound(place, cost, float(state.extra[0]), chosen, left) <= self.best_net + EQUAL:
            return
        bound = problem.bounds[place]
        if bound.template in left:
            self.visit(place + 1, state, chosen, left, cost)
            return
        taken = chosen | {bound.template}
        if bound.template in chosen or allowed(problem, taken, complete=False):
            after = state.copy()
            KINDS[bound.lever.kind].apply(bound, after, problem.values[bound.name])
            self.visit(place + 1, after, taken, left)
        if bound.template not in chosen:
            self.visit(place + 1, state, chosen, left | {bound.template}, cost)

    def _net(self, cost: float, chosen: frozenset[str]) -> float:
        problem = self.problem
        saved = (self.start - cost) * problem.monthly * float(problem.policy.horizon_months)
        return saved - sum(problem.fixed_cost(one) for one in problem.templates if one.id in chosen)

    def _bound(self, place: int, cost: Array, extra: float, chosen: frozenset[str], left: frozenset[str]) -> float:
        """Return the most that any completion can reach.

        Let V(S) be what the undecided templates S save at most: per cell, one minus the product of what their
        ceilings leave. V is submodular, so that leaving a template out of all of them, U, loses at least its last
        marginal: V(S) ≤ V(U) − Σ (V(U) − V(U∖i)) over those left out. Having it costs its price. Whatever S is, each
        template therefore takes at least the smaller of the two off V(U).
        """
        table = self.undecided[place]
        scale = self.problem.monthly * float(self.problem.policy.horizon_months)
        prices = np.where([one in chosen for one in table.ids], 0.0, table.price)
        # Not even on its own does a template pay whose ceilings do not cover its price: it is out of U.
        pays = (cost.sum() - table.keep @ cost) * scale > prices
        pays &= [one in chosen or self._possible(one, chosen, left) for one in table.ids]
        kept = cost * np.exp(pays @ table.logs)
        takes = np.where(pays, np.minimum(table.lost @ kept * scale, prices), 0.0).sum()
        return self._net(float(kept.sum()) + extra, chosen) - float(takes)

    def _possible(self, template: str, chosen: frozenset[str], left: frozenset[str]) -> bool:
        """Return whether a template can still join: what it requires is not ruled out, and nothing excludes it."""
        if template in left or self.rivals[template] & chosen or self.needs[template] & left:
            return False
        return not self.tight or allowed(self.problem, chosen | {template}, complete=False)


def _undecided(problem: Problem) -> tuple[_Undecided, ...]:
    """Return for each place of the chain what is undecided there, and, past the end, nothing."""
    most = ceilings(problem)
    months = float(problem.policy.horizon_months) * problem.monthly
    by_id = {one.id: one for one in problem.templates}
    found: list[_Undecided] = []
    for place in range(len(problem.bounds)):
        keep: dict[str, Array] = {}
        least: dict[str, float] = {}
        for bound in problem.bounds[place:]:
            keep[bound.template] = keep.get(bound.template, 1.0) * (1 - most[bound.name])
            paid = 0.0
            if bound.lever.kind == "self_host":
                paid = self_host.least_cost(bound, problem.values[bound.name], problem.hours) * months
            least[bound.template] = least.get(bound.template, 0.0) + paid
        ids = tuple(sorted(keep))
        rows = np.array([keep[one] for one in ids])
        # A template that can take all of a cell has no last marginal to count on: 0 is always a safe one.
        lost = np.where(rows > 0, (1 - rows) / np.where(rows > 0, rows, 1.0), 0.0)
        price = np.array([problem.fixed_cost(by_id[one]) + least[one] for one in ids])
        found.append(_Undecided(ids, rows, np.log(np.maximum(rows, LEAST)), lost, price))
    return tuple(found)


def start(problem: Problem) -> _Search:
    """Return the search, with a good set to beat."""
    greedy, net = _greedy(problem)
    return _Search(problem, _undecided(problem), float(initial(problem.cells, problem.hours).cost()[0]), greedy, net)


def choose(problem: Problem) -> frozenset[str]:
    """Return the ids of the best allowed set; the empty set where nothing pays."""
    search = start(problem)
    search.visit(0, initial(problem.cells, problem.hours), frozenset(), frozenset())
    return search.best


def _greedy(problem: Problem) -> tuple[frozenset[str], float]:
    """Return a good set to start from, so that the bound prunes early."""
    best: frozenset[str] = frozenset()
    net = 0.0
    by_id = {one.id: one for one in problem.templates}
    while True:
        tries = []
        for one in problem.templates:
            taken = best | {one.id} | (set(one.requires) & by_id.keys())
            if taken != best and allowed(problem, taken, complete=True):
                tries.append((problem.net(taken), sorted(taken)))
        # The rows are asked last and about as few sets as can be: each answer is a replay.
        better = sorted((entry for entry in tries if entry[0] > net + EQUAL), key=lambda entry: (-entry[0], entry[1]))
        found = next(((top, members) for top, members in better if problem.accept(frozenset(members))), None)
        if found is None:
            return best, net
        best, net = frozenset(found[1]), found[0]
