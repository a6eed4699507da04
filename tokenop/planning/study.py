"""One plan's working set: the candidates bound to the workload, and every simulation that the plan reports.

Row-level work is done once, when the work table is built; all that follows runs on pooled cells, except for the one
replay of the chosen set on the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

import numpy as np

from tokenop.catalogue.model import Template
from tokenop.economics import binding, cells, chain, draws, fleet, rows, work
from tokenop.economics.fleet import Fleet
from tokenop.economics.levers import KINDS, Bound, budget, capacity
from tokenop.economics.levers.base import Constants, Values
from tokenop.economics.state import Array, Cells, initial
from tokenop.errors import InputError
from tokenop.planning.policy import Policy
from tokenop.planning.select import Problem
from tokenop.profile import thresholds

if TYPE_CHECKING:
    import duckdb

    from tokenop.inventory.model import Inventory
    from tokenop.prices.book import PriceBook

SWEEP_POINTS = 11
# Parameters that a team sets rather than observes: where should I set it?
SETTINGS = ("share",)


@dataclass
class Study:
    """The workload under a list of candidate templates."""

    connection: duckdb.DuckDBPyConnection
    templates: tuple[Template, ...]
    bounds: tuple[Bound, ...]
    spread: work.Spread
    cells: Cells
    constants: dict[str, Constants]
    arrays: dict[str, Values]
    drawn: dict[str, Values]
    weights: Array
    uplifts: dict[str, dict[float, float]] = field(default_factory=dict)  # lever → threshold → extra semantic hits
    _replays: dict[frozenset[str], rows.Replayed] = field(default_factory=dict)

    @property
    def monthly(self) -> float:
        """Return the factor from the window to a month."""
        return self.spread.monthly

    def of(self, chosen: frozenset[str]) -> list[Bound]:
        """Return the levers of a set of templates in chain order."""
        return [bound for bound in self.bounds if bound.template in chosen]

    def saving(self, chosen: frozenset[str], changed: Mapping[str, Values] | None = None) -> float:
        """Return the expected monthly saving of a set in USD, optionally with other parameter values."""
        values = {**self.arrays, **(changed or {})}
        return chain.saving(self.cells, self.spread.hours, self.of(chosen), values) * self.monthly

    def savings(self, chosen: frozenset[str]) -> Array:
        """Return the monthly saving of a set in USD, by draw."""
        drawn = chain.savings(self.cells, self.spread.hours, self.of(chosen), self.drawn, self.weights)
        return drawn * self.monthly

    def replay(self, chosen: frozenset[str]) -> rows.Replayed:
        """Return what the set does to the rows, with expected parameters. Each set is replayed once."""
        if chosen not in self._replays:
            self._replays[chosen] = rows.replay(
                self.connection, self.of(chosen), self.constants, self.spread, self.fleet
            )
        return self._replays[chosen]

    @property
    def fleet(self) -> Fleet:
        """Return the inventory; an empty one where there is none."""
        return self.cells.fleet

    def limited(self, chosen: frozenset[str]) -> dict[str, rows.Limited]:
        """Return by lever what the budgets of a set take from the rows, in the window."""
        bounds = self.of(chosen)
        budgets = [bound for bound in bounds if bound.lever.kind == "budget"]
        return {one.name: rows.limited(self.connection, bounds, self.constants, one) for one in budgets}

    def marginals(self, chosen: frozenset[str]) -> dict[str, float]:
        """Return by template what its levers save in chain order, monthly USD: the sum is the joint saving."""
        state = initial(self.cells, self.spread.hours)
        cost = float(state.cost()[0])
        found = dict.fromkeys(sorted(chosen), 0.0)
        for bound in self.of(chosen):
            KINDS[bound.lever.kind].apply(bound, state, self.arrays[bound.name])
            after = float(state.cost()[0])
            found[bound.template] += (cost - after) * self.monthly
            cost = after
        return found

    def matched(self, template: str) -> tuple[int, float]:
        """Return calls that any lever of the template acts on, and their share of the cost."""
        flags = np.zeros(self.cells.size, dtype=np.bool_)
        for bound in self.of(frozenset({template})):
            flags |= self.cells.match[bound.name]
        hourly = np.array([float(fleet.hourly(one)) for one in self.fleet.resources])
        resources = self.matched_resources(template)
        whole = float(self.cells.cost.sum()) + float(hourly.sum()) * self.spread.hours
        part = float(self.cells.cost[flags].sum()) + float(hourly[resources].sum()) * self.spread.hours
        return round(float(self.cells.calls[:, flags].sum())), part / whole if whole else 0.0

    def matched_resources(self, template: str) -> np.ndarray:
        """Return which resources of the inventory any lever of the template can change."""
        flags = np.zeros(self.fleet.size, dtype=np.bool_)
        for bound in self.of(frozenset({template})):
            if bound.name in self.fleet.match:
                flags |= capacity.acts_on(bound, self.fleet)
        return flags

    def drop(self, template: Template) -> Decimal:
        """Return the quality that a template may cost on average over all calls, rounded up to six digits.

        That is its largest drop times the share of calls that its levers touch with their expected shares; of a limit,
        those that are past it today.
        """
        touched = np.zeros(self.cells.size)
        for bound in self.of(frozenset({template.id})):
            part: float | Array = float(self.arrays[bound.name]["share"][0, 0])
            if bound.lever.kind == "budget":
                today = initial(self.cells, self.spread.hours)
                part = budget.past(bound, today, self.arrays[bound.name])[0]
            touched = np.maximum(touched, np.where(self.cells.match[bound.name], part, 0.0))
        calls = self.cells.calls.sum(axis=0)
        share = float((calls * touched).sum()) / max(float(calls.sum()), 1.0)
        exact = template.quality.max_absolute_drop * Decimal(repr(share))
        return exact.quantize(Decimal("0.000001"), ROUND_CEILING)

    def at(self, bound: Bound, parameter: str, value: float) -> dict[str, Values]:
        """Return the lever's expected values with one of them set to `value`."""
        return {bound.name: {**self.arrays[bound.name], parameter: np.full((1, 1), value)}}

    def sensitivity(self, chosen: frozenset[str], template: str) -> list[dict[str, object]]:
        """Return the joint monthly saving with each parameter of a template at its ends, widest swing first."""
        found: list[tuple[float, str, float, float]] = []
        for bound in self.of(frozenset({template})):
            for name, value in bound.lever.parameters.items():
                if value.low == value.high:
                    continue
                low, high = (self.saving(chosen, self.at(bound, name, float(end))) for end in (value.low, value.high))
                label = _label(bound, name)
                found.append((-abs(high - low), label, low, high))
        return [
            {"parameter": label, "low_usd": round(low, 2), "high_usd": round(high, 2)}
            for _, label, low, high in sorted(found)
        ]

    def sweeps(self, chosen: frozenset[str], template: str) -> list[dict[str, object]]:
        """Return the monthly saving of a set over the settings of a template: where should they be set?

        Each share is swept over its whole range, with the best value named. Where events carry prompts, the threshold
        of a semantic cache is swept over the hits measured on them; no value is called the best there, because a
        lower threshold always answers more and only a quality check tells when it answers wrongly.
        """
        found: list[dict[str, object]] = []
        for bound in self.of(frozenset({template})):
            for name in SETTINGS:
                if name in bound.lever.parameters:
                    grid = [round(number / (SWEEP_POINTS - 1), 4) for number in range(SWEEP_POINTS)]
                    points = [(value, self.saving(chosen, self.at(bound, name, value))) for value in grid]
                    best = max(points, key=lambda point: (round(point[1], 2), -point[0]))[0]
                    found.append(_sweep(bound, name, points, best))
            if bound.name in self.uplifts:
                points = [
                    (level, self.saving(chosen, self.at(bound, "semantic_uplift", share)))
                    for level, share in sorted(self.uplifts[bound.name].items())
                ]
                found.append(_sweep(bound, "threshold", points, None))
        return found

    def problem(self, policy: Policy) -> Problem:
        """Return the choice to make under a policy."""

        def fast_enough(chosen: frozenset[str]) -> bool:
            if policy.max_latency_p95_ms is None:
                return True
            replayed = self.replay(chosen)
            after, before = replayed.latency_p95_after, replayed.latency_p95_before
            # Where the traffic is too slow today already, a plan must not make it slower.
            return after is None or after <= max(float(policy.max_latency_p95_ms), before or 0.0)

        return Problem(
            self.cells,
            self.spread.hours,
            self.monthly,
            self.templates,
            self.bounds,
            self.arrays,
            policy,
            fast_enough,
            {template.id: self.drop(template) for template in self.templates},
        )


def _label(bound: Bound, name: str) -> str:
    place = f"[{bound.lever.index}]" if bound.lever.index else ""
    return f"{bound.lever.kind}{place}.{name}"


def _sweep(bound: Bound, name: str, points: Sequence[tuple[float, float]], best: float | None) -> dict[str, object]:
    return {
        "parameter": _label(bound, name),
        "points": [{"value": value, "savings_monthly_usd": round(saved, 2)} for value, saved in points],
        "best": best,
    }


def _uplifts(
    connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], calls: str
) -> dict[str, dict[float, float]]:
    """Return by lever what a semantic cache would answer at each threshold, where events carry prompts."""
    measured = {
        bound.name: thresholds.uplift(connection, bound.lever.where, calls)
        for bound in bounds
        if bound.lever.kind == "response_cache"
    }
    return {name: found for name, found in measured.items() if found is not None}


def prepare(
    connection: duckdb.DuckDBPyConnection,
    templates: Sequence[Template],
    book: PriceBook,
    spread: work.Spread,
    draw_count: int,
    seed: int,
    calls: str = "calls",
    inventory: Inventory | None = None,
) -> Study:
    """Bind the templates to the relation `calls` and to the inventory, build the work table and pool it.

    Raises:
        InputError: a template's `where` fails on these calls.
    """
    import duckdb

    bounds = binding.bind(connection, book, templates, spread.window.until)
    try:
        standing = fleet.load(connection, inventory, bounds)
        work.build(connection, bounds, spread, calls)
    except duckdb.Error as error:
        # An allow-listed expression can still fail on the values of one call (a cast, a division).
        wheres = "; ".join(sorted({f"{bound.template}: {bound.lever.where}" for bound in bounds}))
        raise InputError(f"a template's where cannot be worked out here: {error} (one of {wheres})") from error
    bounds = binding.observe_latency(connection, bounds)
    constants = draws.expected(bounds)
    return Study(
        connection,
        tuple(sorted(templates, key=lambda one: one.id)),
        tuple(bounds),
        spread,
        replace(cells.load(connection, bounds, spread), fleet=standing),
        constants,
        draws.as_arrays(constants),
        draws.parameters(bounds, draw_count, seed),
        draws.blocks(spread.blocks, draw_count, seed),
        _uplifts(connection, bounds, calls),
    )
