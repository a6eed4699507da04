"""The choice is exact: branch and bound finds what trying every set finds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.economics import world
from tests.planning import crowd
from tests.thoroughness import examples
from tokenop.economics import draws
from tokenop.economics.levers import KINDS, capacity
from tokenop.economics.state import initial
from tokenop.planning.policy import Policy
from tokenop.planning.select import EQUAL, Problem, _greedy, allowed, ceilings, choose, start


def brute_force(problem: Problem) -> tuple[frozenset[str], float]:
    """Return the best set by trying all of them: what `choose` is compared with."""
    best, net = frozenset[str](), 0.0
    pool = [one.id for one in problem.templates]
    for size in range(len(pool) + 1):
        for members in itertools.combinations(pool, size):
            chosen = frozenset(members)
            if (
                allowed(problem, chosen, complete=True)
                and (value := problem.net(chosen)) > net + EQUAL
                and problem.accept(chosen)
            ):
                best, net = chosen, value
    return best, net


quick = settings(max_examples=examples(5, 12), deadline=None, suppress_health_check=list(HealthCheck))


def problem(log: Any, levers: Any, templates: Any, policy: Policy | None = None, inventory: Any = ()) -> Problem:
    made = world.build(log, levers, inventory=inventory)
    return Problem(
        made.cells,
        made.spread.hours,
        made.spread.monthly,
        tuple(templates),
        tuple(made.bounds),
        draws.as_arrays(draws.expected(made.bounds)),
        policy or Policy(max_quality_drop=None),
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    log = draw(world.calls(most=15))
    kinds = draw(st.lists(st.sampled_from(sorted(world.DEFAULTS)), min_size=1, max_size=6))
    wheres = ["true", "tenant = 'a'", "input_tokens > 3000", "model = 'large'"]
    cheap = {"gpu_hour_usd": 0.001, "ops_monthly_usd": 0.0}
    machines = ["true", "purpose = 'gpu'", "on_demand >= 3"]
    options = {
        "budget": [{"per": "user_id"}, {"period": "month"}, world.DOWNGRADE],
        "capacity": [{"change": change} for change in capacity.CHANGES],
    }
    levers = [
        world.lever(
            kind,
            draw(st.sampled_from(machines if kind == "capacity" else wheres)),
            draw(st.sampled_from(options.get(kind, [{}]))),
            **(cheap if kind == "self_host" else {}),
        )
        for kind in kinds
    ]
    names = [f"t{number}" for number in range(len(kinds))]
    others = st.lists(st.sampled_from(names), max_size=1)
    templates = [
        world.template(
            name,
            running=draw(st.sampled_from([0, 0, 1, 20])),
            hours=draw(st.integers(0, 3)),
            requires=tuple(n for n in draw(others) if n != name),
            conflicts=tuple(n for n in draw(others) if n != name),
            drop=draw(st.sampled_from(["0", "0.01"])),
        )
        for name in names
    ]
    policy = Policy(
        max_quality_drop=draw(st.sampled_from([None, Decimal("0.01")])),
        effort_hours=draw(st.sampled_from([None, Decimal(4)])),
    )
    return problem(log, levers, templates, policy, draw(world.resources()))


@quick
@given(made=problems())
def test_the_choice_is_the_best_of_all_sets(made):
    best, net = brute_force(made)
    chosen = choose(made)
    assert made.net(chosen) == pytest.approx(net, abs=2 * EQUAL)
    assert allowed(made, chosen, complete=True)
    assert (chosen == frozenset()) == (best == frozenset())


@quick
@given(made=problems())
def test_no_lever_saves_more_of_a_cell_than_its_ceiling_from_any_earlier_state(made):
    most = ceilings(made)
    state = initial(made.cells, made.hours)
    for bound in made.bounds:
        before = state.cost_by_cell()[0]
        KINDS[bound.lever.kind].apply(bound, state, made.values[bound.name])
        after = state.cost_by_cell()[0]
        assert np.all(after >= before * (1 - most[bound.name]) - 1e-12)


def test_the_choice_among_changes_of_the_same_machines_is_the_best_of_all_sets():
    # Reserving loses (all that is committed idles), scaling and spot compose, and one of two rivals stays out.
    changes = [("spot", 0.6), ("reserved", 0.1), ("autoscale", 0.6), ("spot", 0.5)]
    levers = [
        world.lever("capacity", "true", {"change": change}, discount=discount, commitment_unused=0.9)
        for change, discount in changes
    ]
    templates = [world.template(f"t{number}", running=1) for number in range(3)]
    templates.append(world.template("t3", running=1, conflicts=("t0",)))
    made = problem([world.call(0)], levers, templates, inventory=[world.resource(), world.resource("b")])
    assert choose(made) == brute_force(made)[0] == {"t0", "t2"}


def test_a_set_that_the_rows_refuse_is_passed_over_for_the_next_best():
    log = [world.call(n, t_uncached=50_000, t_output=2_000) for n in range(10)]
    levers = [world.lever("trim"), world.lever("batch")]
    made = problem(log, levers, [world.template("t0"), world.template("t1")])
    assert choose(made) == {"t0", "t1"}
    made = replace(made, accept=lambda chosen: "t1" not in chosen)
    assert choose(made) == {"t0"}


def test_what_costs_more_than_it_saves_is_not_chosen():
    log = [world.call(n) for n in range(10)]
    made = problem(log, [world.lever("trim")], [world.template("t0", hours=1_000_000)])
    assert choose(made) == frozenset()


def test_a_template_comes_only_with_what_it_requires():
    log = [world.call(n, t_uncached=50_000) for n in range(10)]
    levers = [world.lever("trim"), world.lever("batch", "tenant = 'nobody'")]
    needs = [world.template("t0", requires=("t1",)), world.template("t1", hours=10**7)]
    assert choose(problem(log, levers, needs)) == frozenset()
    assert choose(problem(log, levers, [needs[0], world.template("t1")])) == {"t0", "t1"}


def test_a_price_per_call_that_a_move_saves_is_within_its_ceiling():
    # The target costs the same by token: all that a move saves is the old model's price per call.
    log = [world.call(n, served=("openai", "small"), t_uncached=1000) for n in range(10)]
    made = problem(log, [world.lever("reroute", fallback_rate=0.0, tokeniser_ratio=1.0)], [world.template("t0")])
    made.cells.match["l0"][:] = True
    made.cells.fixed[:] = 0.005 * made.cells.calls
    state = initial(made.cells, made.hours)
    before = state.cost_by_cell()[0]
    KINDS["reroute"].apply(made.bounds[0], state, made.values["l0"])
    saved = before - state.cost_by_cell()[0]
    assert saved.sum() > 0
    assert np.all(saved <= before * ceilings(made)["l0"] + 1e-12)
    assert choose(made) == {"t0"}


@pytest.mark.parametrize(
    "policy",
    [
        Policy(max_quality_drop=None),
        Policy(max_quality_drop=Decimal("0.02")),
        Policy(max_quality_drop=None, effort_hours=Decimal(200)),
    ],
    ids=["free", "quality", "effort"],
)
@pytest.mark.parametrize("monthly_usd", [3_000, 50_000])
def test_the_choice_among_competing_templates_is_the_best_of_all_sets(policy, monthly_usd):
    for seed in range(3):
        made = crowd.problem(seed, templates=8, cells=25, policy=policy, monthly_usd=monthly_usd)
        assert made.net(choose(made)) == pytest.approx(brute_force(made)[1], abs=1e-5)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_twenty_four_competing_templates_are_decided_in_few_steps(seed):
    # 2^24 sets; a step is a fraction of a millisecond at 2,000 cells. Fewer cells here, the same decisions.
    made = crowd.problem(seed, templates=24, cells=300, policy=Policy(max_quality_drop=None))
    search = start(made)
    search.visit(0, initial(made.cells, made.hours), frozenset(), frozenset())
    assert search.visited < 100_000
    assert made.net(search.best) >= made.net(_greedy(made)[0])


def test_the_rows_are_asked_about_few_sets():
    # Each question is a replay of the log: the first good set must not cost one for every template and round.
    asked: list[frozenset[str]] = []

    def accept(chosen: frozenset[str]) -> bool:
        asked.append(chosen)
        return "t07" not in chosen

    made = replace(crowd.problem(0, templates=12, cells=100, policy=Policy(max_quality_drop=None)), accept=accept)
    chosen = choose(made)
    assert chosen
    assert "t07" not in chosen
    assert len(asked) <= 3 * len(made.templates)
