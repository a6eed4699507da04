"""What every lever keeps, whatever the log: the invariants of the economics."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.economics import world
from tests.thoroughness import examples
from tokenop.economics import chain, draws, work
from tokenop.inventory.model import Hourly, monthly
from tokenop.profile.window import of_micros

KINDS = sorted(world.DEFAULTS)
STATELESS = ["trim", "reroute", "cascade", "batch"]
PER_CALL = [kind for kind in KINDS if kind not in ("self_host", "capacity")]
CHANGES = ("spot", "reserved", "autoscale", "consolidate")
BUDGETS = [
    {"per": per, "period": period, **action}
    for per in ("tenant", "user_id", "all")
    for period in ("day", "month")
    for action in ({"action": "reject"}, world.DOWNGRADE)
]
quick = settings(max_examples=examples(5, 15), deadline=None, suppress_health_check=list(HealthCheck))


def close(one: float | Decimal, other: float | Decimal) -> bool:
    return float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-9)


@quick
@given(log=world.calls(), kind=st.sampled_from(PER_CALL))
def test_no_lever_makes_the_cost_negative_or_saves_more_than_there_is(log, kind):
    made = world.build(log, [world.lever(kind)])
    replayed = made.replay()
    assert replayed.after >= 0
    assert replayed.saving <= replayed.before


@quick
@given(log=world.calls(), kinds=st.permutations(KINDS))
def test_the_joint_saving_is_at_most_the_baseline(log, kinds):
    made = world.build(log, [world.lever(kind) for kind in kinds])
    replayed = made.replay()
    assert replayed.saving <= replayed.before
    assert replayed.after >= 0


@quick
@given(log=world.calls(), kind=st.sampled_from(KINDS))
def test_an_empty_match_changes_nothing_to_the_last_digit(log, kind):
    made = world.build(log, [world.lever(kind, "provider = 'nobody'")])
    replayed = made.replay()
    assert replayed.after == replayed.before == sum((row["cost"] for row in log), Decimal(0))
    assert chain.saving(made.cells, made.spread.hours, made.bounds, draws.as_arrays(draws.expected(made.bounds))) == 0


@quick
@given(log=world.calls(), kind=st.sampled_from(KINDS))
def test_a_share_of_nothing_saves_exactly_nothing(log, kind):
    nothing = {"ops_monthly_usd": 0.0} if kind == "self_host" else {}
    made = world.build(log, [world.lever(kind, share=0.0, **nothing)])
    assert made.replay().saving == 0


@quick
@given(log=world.calls())
def test_routing_to_the_model_that_answers_today_saves_exactly_nothing(log):
    here = [row for row in log if row["model"] == "small"] or [world.call(0, served=("openai", "small"))]
    for kind in ("reroute", "cascade"):
        assert world.build(here, [world.lever(kind)]).replay().saving == 0


@quick
@given(log=world.calls())
def test_caching_what_is_cached_and_batching_what_is_batched_save_exactly_nothing(log):
    today = [{**row, "batch": True} for row in log]
    assert world.build(today, [world.lever("batch")]).replay().saving == 0
    cached = [row for row in log if row["t_read"] + row["t_write_5m"] + row["t_write_1h"] > 0]
    if cached:
        assert world.build(cached, [world.lever("prompt_cache")]).replay().saving == 0


@quick
@given(
    log=world.calls(),
    kinds=st.lists(st.sampled_from(PER_CALL), min_size=1, max_size=3),
    factor=st.sampled_from([2, 10]),
)
def test_scaling_all_prices_scales_all_savings(log, kinds, factor):
    free = [
        world.lever(kind, **{name: 0.0 for name in ("lookup_usd", "verifier_usd") if name in world.DEFAULTS[kind]})
        for kind in kinds
    ]
    scaled_limits = [
        world.lever("budget", limit_usd=world.DEFAULTS["budget"]["limit_usd"] * factor) if one.kind == "budget" else one
        for one in free
    ]
    rates = [name for name in world.COLUMNS if name.startswith("r_")]
    dear = []
    for row in log:
        scaled = {**row, **{name: None if row[name] is None else row[name] * factor for name in rates}}
        scaled["cost"] = scaled["list_cost"] = row["cost"] * factor
        dear.append(scaled)
    once = world.build(log, free)
    before = dict(world.MODELS)
    try:
        for name, value in before.items():
            world.MODELS[name] = (*(None if rate is None else rate * factor for rate in value[:5]), value[5])
        many = world.build(dear, scaled_limits)
    finally:
        world.MODELS.update(before)
    assert float(many.replay().saving) == pytest.approx(float(once.replay().saving) * factor, rel=1e-9, abs=1e-8)


@quick
@given(log=world.calls(), kind=st.sampled_from(STATELESS), data=st.data())
def test_stateless_levers_add_up_over_any_split_of_the_log(log, kind, data):
    left = data.draw(st.lists(st.booleans(), min_size=len(log), max_size=len(log)))
    halves = [[row for row, side in zip(log, left, strict=True) if side is which] for which in (True, False)]
    whole = world.build(log, [world.lever(kind)]).replay().saving
    parts = sum(
        (world.build(half, [world.lever(kind)], window=log).replay().saving for half in halves if half), Decimal(0)
    )
    assert whole == parts


@quick
@given(log=world.calls(), kind=st.sampled_from(["response_cache", "prompt_cache"]))
def test_caches_add_up_when_the_log_is_split_by_cache_key(log, kind):
    halves = [[row for row in log if row["tenant"] == tenant] for tenant in "ab"]
    whole = world.build(log, [world.lever(kind)]).replay().saving
    parts = sum(
        (world.build(half, [world.lever(kind)], window=log).replay().saving for half in halves if half), Decimal(0)
    )
    assert whole == parts


@quick
@given(log=world.calls(), kinds=st.lists(st.sampled_from(PER_CALL), min_size=1, max_size=4, unique=True))
def test_pooled_cells_say_what_the_rows_say(log, kinds):
    made = world.build(log, [world.lever(kind) for kind in kinds])
    pooled = chain.saving(made.cells, made.spread.hours, made.bounds, draws.as_arrays(draws.expected(made.bounds)))
    replayed = made.replay()
    assert close(pooled, replayed.saving)


@quick
@given(log=world.calls(), kinds=st.lists(st.sampled_from(["reroute", "cascade", "batch"]), min_size=2, max_size=4))
def test_pooled_cells_say_what_the_rows_say_when_several_templates_move_the_same_calls(log, kinds):
    made = world.build(log, [world.lever(kind) for kind in kinds])
    pooled = chain.saving(made.cells, made.spread.hours, made.bounds, draws.as_arrays(draws.expected(made.bounds)))
    assert close(pooled, made.replay().saving)


@quick
@given(log=world.calls(), kinds=st.permutations(["trim", "reroute", "batch", "response_cache"]))
def test_the_plan_does_not_depend_on_how_levers_are_listed(log, kinds):
    first = world.build(log, [world.lever(kind) for kind in sorted(kinds)])
    second = world.build(log, [world.lever(kind) for kind in kinds])
    assert first.replay().after == second.replay().after


@quick
@given(log=world.calls(), kind=st.sampled_from(KINDS))
def test_the_order_of_the_rows_changes_no_digit(log, kind):
    assert world.build(log, [world.lever(kind)]).replay() == world.build(log[::-1], [world.lever(kind)]).replay()


@quick
@given(
    log=world.calls(),
    options=st.lists(st.sampled_from(BUDGETS), min_size=1, max_size=2),
    kinds=st.lists(st.sampled_from(["trim", "reroute", "batch"]), max_size=2),
    limit=st.sampled_from([0.0001, 0.01, 0.05]),
)
def test_pooled_cells_say_what_the_rows_say_of_limits(log, options, kinds, limit):
    limits = [world.lever("budget", options=one, limit_usd=limit) for one in options]
    made = world.build(log, [*(world.lever(kind) for kind in kinds), *limits])
    replayed = made.replay()
    assert close(made.pooled(), replayed.saving)
    assert replayed.after >= 0


@quick
@given(log=world.calls(), options=st.sampled_from(BUDGETS))
def test_a_limit_that_nobody_reaches_saves_exactly_nothing(log, options):
    limits = [world.lever("budget", options=options, limit_usd=1000.0, share=1.0)]
    assert world.build(log, limits).replay().saving == 0


@quick
@given(log=world.calls(), period=st.sampled_from(["day", "month"]))
def test_what_a_refusing_limit_leaves_is_the_limit(log, period):
    options = {"per": "all", "period": period, "action": "reject"}
    made = world.build(log, [world.lever("budget", options=options, limit_usd=0.01, share=1.0)])
    groups = made.connection.execute("SELECT least(usd, 0.01 * limits) FROM l0_groups").fetchall()
    assert close(made.replay().after, sum(left for (left,) in groups))


@quick
@given(inventory=world.resources(), changes=st.lists(st.sampled_from(CHANGES), max_size=4))
def test_no_change_of_capacity_makes_the_inventory_free_or_cheaper_than_free(inventory, changes):
    made = world.build([world.call(0)], [capacity(change) for change in changes], inventory=inventory)
    replayed = made.replay()
    assert replayed.fleet_after >= 0
    assert replayed.saving == replayed.fleet_before - replayed.fleet_after <= replayed.fleet_before
    assert close(made.pooled(), replayed.saving)


def capacity(change, where="true", **parameters):
    return world.lever("capacity", where, {"change": change}, **parameters)


@quick
@given(inventory=world.resources(), change=st.sampled_from(CHANGES))
def test_capacity_that_nothing_matches_or_that_is_no_longer_on_demand_is_left_to_the_last_digit(inventory, change):
    gone = [capacity(change, "provider = 'nobody'"), capacity(change, share=0.0)]
    assert world.build([world.call(0)], gone, inventory=inventory).replay().saving == 0
    moved = [capacity(change, "on_demand = 0"), capacity(change, "monthly_usd IS NULL")]
    made = world.build([world.call(0)], moved, inventory=inventory)
    assert made.replay().saving == made.pooled() == 0


@quick
@given(inventory=world.resources(), changes=st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3))
def test_scaling_all_prices_of_instances_scales_what_capacity_saves(inventory, changes):
    levers = [capacity(change) for change in changes]
    dear = []
    for one in inventory:
        prices = {name: getattr(one.hourly_usd, name) for name in ("on_demand", "spot", "reserved_1y")}
        scaled = Hourly(**{name: None if price is None else price * 10 for name, price in prices.items()})
        dear.append(replace(one, hourly_usd=scaled, monthly_usd=monthly(one.count, scaled)))
    once, many = (world.build([world.call(0)], levers, inventory=some).replay() for some in (inventory, dear))
    assert float(many.saving) == pytest.approx(float(once.saving) * 10, rel=1e-12)


@quick
@given(log=world.calls(), inventory=world.resources(), kinds=st.permutations(KINDS))
def test_calls_and_capacity_save_side_by_side(log, inventory, kinds):
    made = world.build(log, [world.lever(kind) for kind in kinds], inventory=inventory)
    replayed = made.replay()
    assert replayed.saving <= replayed.before + replayed.fleet_before
    alone = world.build(log, [world.lever(kind) for kind in kinds if kind != "capacity"]).replay()
    assert replayed.after == alone.after


def test_one_call_at_a_thousand_times_its_price_does_not_price_its_cell():
    # The cell has no cache reads yet; what a read would cost must not come from the one absurd call.
    log = [world.call(n, t_uncached=20_000, t_output=10, prefix_hashes=["s", "t"]) for n in range(200)]
    log[7] = {**log[7], "cost": log[7]["cost"] * 1000}
    made = world.build(log, [world.lever("prompt_cache", share=1.0)])
    pooled = chain.saving(made.cells, made.spread.hours, made.bounds, draws.as_arrays(draws.expected(made.bounds)))
    assert pooled == pytest.approx(float(made.replay().saving), rel=0.05)


def test_one_call_reported_at_a_thousand_times_its_price_is_in_the_bill_but_not_in_the_saving():
    log = [world.call(n, t_uncached=5000, t_output=300) for n in range(100)]
    plain = world.build(log, [world.lever("reroute")])
    odd = [dict(row) for row in log]
    odd[7]["cost"] = 1000 * odd[7]["list_cost"]
    made = world.build(odd, [world.lever("reroute")])
    replayed = made.replay()
    assert replayed.before == plain.replay().before + 999 * log[7]["cost"]
    assert replayed.saving == pytest.approx(plain.replay().saving)
    assert chain.saving(
        made.cells, made.spread.hours, made.bounds, draws.as_arrays(draws.expected(made.bounds))
    ) == pytest.approx(float(replayed.saving))


def test_a_cost_without_tokens_is_not_saved_by_a_cheaper_model():
    log = [world.call(n, t_uncached=0, t_output=0, cost=Decimal(1), list_cost=Decimal(0)) for n in range(5)]
    for kind in ("reroute", "cascade", "trim", "prompt_cache", "batch", "self_host"):
        assert world.build(log, [world.lever(kind)]).replay().saving == 0


def test_days_are_drawn_where_times_are_known_to_the_day_only():
    # Three days of a shared workload are three moments: as 72 hours, 69 of them empty, any total would come out.
    window = work.spread_of(of_micros(0, 3 * 86_400_000_000 - 1)).window
    assert (work.spread_of(window).block, work.spread_of(window).blocks) == ("hour", 72)
    assert (work.spread_of(window, 2.0).block, work.spread_of(window, 2.0).blocks) == ("day", 3)
