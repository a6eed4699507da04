"""Each lever kind against a figure worked out by hand, on calls small enough to do so.

Rates of `large`: input 3, read 0.30, write 3.75, output 15 USD per million; of `small`: 0.40, 0.10, –, 1.60.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.economics import world
from tokenop.economics import chain, draws, rows


def saving(log, lever, **binding) -> Decimal:
    return world.build(log, [lever], **binding).replay().saving


def test_trim_takes_its_share_of_input_and_output():
    # 1,000,000 in and 100,000 out cost 3.00 + 1.50; half the calls lose 20 % of input and gain 10 % of output.
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    lever = world.lever("trim", share=0.5, input_reduction=0.2, output_reduction=-0.1)
    assert saving(log, lever) == Decimal("0.3") - Decimal("0.075")


def test_a_response_cache_saves_measured_repeats_and_pays_every_look_up():
    # Four calls of 4.50, of which two repeat an earlier prompt; nine in ten calls go through the cache.
    log = [world.call(n, t_uncached=1_000_000, t_output=100_000, prompt_hash="pqpp"[n]) for n in range(4)]
    lever = world.lever("response_cache", share=0.9, semantic_uplift=0, false_hit_rate=0.1, lookup_usd=0.01)
    assert saving(log, lever) == pytest.approx(Decimal("2") * Decimal("4.5") * Decimal("0.81") - Decimal("0.036"))


def test_a_response_cache_assumes_only_where_prompts_are_unknown():
    unknown = [world.call(n, t_uncached=1_000_000, t_output=0) for n in range(2)]
    known = [{**row, "prompt_hash": name} for row, name in zip(unknown, "ab", strict=True)]
    lever = world.lever("response_cache", share=1.0, hit_rate=0.5, semantic_uplift=0, false_hit_rate=0, lookup_usd=0)
    assert saving(unknown, lever) == Decimal(3)
    assert saving(known, lever) == 0


def test_a_prompt_cache_writes_first_reads_within_its_lifetime_and_writes_again_after_it():
    # Three calls with the same two blocks of 10,000 tokens, the third one too late for the five-minute cache.
    times = (0, 60, 4000)
    log = [
        world.call(n, ts=world.START + timedelta(seconds=at), t_uncached=20_000, t_output=0, prefix_hashes=["s", "st"])
        for n, at in enumerate(times)
    ]
    made = world.build(log, [world.lever("prompt_cache", share=1.0)])
    today = 3 * Decimal("0.06")
    after = 2 * Decimal("0.075") + Decimal("0.006")
    assert made.replay().after == pytest.approx(after)
    assert made.replay().before == today


def test_a_prompt_cache_that_would_only_write_is_left_off():
    log = [world.call(n, t_uncached=20_000, prefix_hashes=[f"own{n}"]) for n in range(3)]
    assert saving(log, world.lever("prompt_cache", share=1.0)) == 0


def test_a_prompt_under_the_minimum_length_is_not_cached():
    log = [world.call(n, t_uncached=1_000, prefix_hashes=["s"]) for n in range(3)]
    assert saving(log, world.lever("prompt_cache", share=1.0)) == 0


def test_a_model_without_a_price_for_cached_input_is_not_cached():
    log = [world.call(n, served=("groq", "open"), t_uncached=20_000, prefix_hashes=["s"]) for n in range(3)]
    assert saving(log, world.lever("prompt_cache", share=1.0)) == 0


def test_routing_pays_the_target_in_its_own_tokens_and_both_models_on_a_fallback():
    # 4.50 becomes 1.2 × (0.40 + 0.16) on the target, and one in ten is asked again at 4.50.
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    lever = world.lever("reroute", share=1.0, tokeniser_ratio=1.2, fallback_rate=0.1)
    assert saving(log, lever) == pytest.approx(Decimal("4.5") - Decimal("0.672") - Decimal("0.45"))


def test_routing_half_of_the_calls_cools_the_cache_on_both_sides():
    # 1,000,000 tokens read from the cache cost 0.30. Half of the calls move; on each side half of what was a read is
    # a write: stays 0.25 × 0.30 + 0.25 × 3.75, moves 0.25 × 0.10 + 0.25 × 0.40 (small has no price for writes).
    log = [world.call(0, t_uncached=0, t_read=1_000_000, t_output=0)]
    lever = world.lever("reroute", share=0.5, tokeniser_ratio=1.0, fallback_rate=0.0)
    after = Decimal("0.075") + Decimal("0.9375") + Decimal("0.025") + Decimal("0.1")
    assert saving(log, lever) == pytest.approx(Decimal("0.3") - after)


def test_routing_to_a_model_without_a_cache_pays_all_of_the_input():
    log = [world.call(0, t_uncached=0, t_read=1_000_000, t_output=0)]
    lever = world.lever("reroute", share=1.0, tokeniser_ratio=1.0, fallback_rate=0.0)
    assert saving(log, lever, target=("groq", "open")) == Decimal("0.3") - Decimal("0.6")


def test_a_call_is_moved_once_however_many_templates_would_move_it():
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    lever = world.lever("reroute", share=1.0, tokeniser_ratio=1.0, fallback_rate=0.0)
    once, twice = world.build(log, [lever]), world.build(log, [lever, lever])
    assert twice.replay().saving == once.replay().saving


def pooled(made) -> float:
    values = draws.as_arrays(draws.expected(made.bounds))
    return chain.saving(made.cells, made.spread.hours, made.bounds, values)


def test_a_call_that_came_back_is_not_moved_again():
    # All calls move and a quarter comes back: a second template of either kind finds nothing left to move.
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    lever = world.lever("reroute", share=1.0, tokeniser_ratio=1.0, fallback_rate=0.25)
    cascade = world.lever("cascade", share=1.0, escalation_rate=0.5, tokeniser_ratio=1.0, verifier_usd=0.0)
    for later in (lever, cascade):
        made = world.build(log, [lever, later])
        assert made.replay().saving == Decimal("4.5") - Decimal("0.56") - Decimal("1.125")
        assert pooled(made) == pytest.approx(2.815)


def test_gpus_serve_only_calls_that_never_moved():
    # 4.50 a call. Half moves (0.56 each) and half of that comes back at 4.50; the GPUs take only the half that stayed.
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    levers = [
        world.lever("reroute", share=0.5, tokeniser_ratio=1.0, fallback_rate=0.5),
        world.lever("self_host", share=1.0, gpu_hour_usd=0.0, ops_monthly_usd=0.0),
    ]
    made = world.build(log, levers)
    assert made.replay().after == Decimal("0.28") + Decimal("1.125")
    assert pooled(made) == pytest.approx(4.5 - 1.405)


def test_batch_discounts_the_calls_that_came_back_at_todays_provider():
    # Half price on the target's answer (0.56) and on the quarter that today's model answers again (1.125).
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    levers = [
        world.lever("reroute", share=1.0, tokeniser_ratio=1.0, fallback_rate=0.25),
        world.lever("batch", share=1.0),
    ]
    made = world.build(log, levers)
    assert made.replay().after == Decimal("0.28") + Decimal("0.5625")
    assert pooled(made) == pytest.approx(4.5 - 0.8425)


def test_each_call_counts_once_in_the_latency_and_one_that_came_back_waits_for_both():
    # 100 calls of 1 s; nine in ten move to half the latency, and of these 4 % come back after 0.5 s + 1 s: 3.6 %.
    log = [world.call(n, latency_ms=1000.0) for n in range(100)]
    lever = world.lever("reroute", share=0.9, fallback_rate=0.04, latency_ratio=0.5)
    assert world.build(log, [lever]).replay().latency_p95_after == 1000.0
    often = world.lever("reroute", share=0.9, fallback_rate=0.06, latency_ratio=0.5)
    assert world.build(log, [often]).replay().latency_p95_after == 1500.0
    nearly_all = world.lever("reroute", share=0.96, fallback_rate=0.0, latency_ratio=0.5)
    assert world.build(log, [nearly_all]).replay().latency_p95_after == 500.0


def test_a_cascade_pays_the_cheap_call_the_verifier_and_the_escalations():
    log = [world.call(0, t_uncached=1_000_000, t_output=100_000)]
    lever = world.lever("cascade", share=1.0, escalation_rate=0.25, tokeniser_ratio=1.0, verifier_usd=0.01)
    assert saving(log, lever) == pytest.approx(Decimal("4.5") - Decimal("0.56") - Decimal("1.125") - Decimal("0.01"))


def test_batch_takes_the_providers_discount_and_nothing_where_there_is_none():
    large = [world.call(0, t_uncached=1_000_000, t_output=0)]
    none = [world.call(0, served=("groq", "open"), t_uncached=1_000_000, t_output=0)]
    assert saving(large, world.lever("batch", share=0.5)) == Decimal("0.75")
    assert saving(none, world.lever("batch", share=0.5)) == 0


@pytest.mark.parametrize(("share", "reached"), [(0.5, "0.75"), (1.0, "1")])
def test_no_call_gets_the_batch_discount_twice(share, reached):
    # Half price. Two levers that reach half of the calls each reach three quarters; two that reach all, all.
    log = [world.call(0, t_uncached=1_000_000, t_output=0)]
    made = world.build(log, [world.lever("batch", share=share), world.lever("batch", share=share)])
    assert made.replay().saving == pytest.approx(Decimal("1.5") * Decimal(reached))
    assert pooled(made) == pytest.approx(1.5 * float(reached))


def test_batch_calls_leave_the_latency_that_people_feel():
    log = [world.call(n, latency_ms=100.0, intent="chat") for n in range(20)]
    log += [world.call(20 + n, latency_ms=9000.0, intent="night") for n in range(20)]
    made = world.build(log, [world.lever("batch", "intent = 'night'", share=1.0)])
    assert (made.replay().latency_p95_before, made.replay().latency_p95_after) == (9000.0, 100.0)


def test_own_gpus_are_paid_for_their_peak_their_idle_hours_and_their_upkeep():
    # 10 hours. Hour 0: 18 M tokens to prefill at 1,000/s and half utilisation need 10 GPUs; then one stands idle.
    log = [
        world.call(0, t_uncached=18_000_000, t_output=0),
        world.call(1, ts=world.START + timedelta(hours=9, minutes=59), t_uncached=0, t_output=0),
    ]
    fixed = {"share": 1.0, "prefill_tokens_per_gpu_second": 1000.0, "target_utilisation": 0.5, "ops_monthly_usd": 73.05}
    lever = world.lever("self_host", **fixed)
    scaled = 10 * 2 + 9 * 2 + 1
    assert saving(log, lever) == pytest.approx(Decimal(54) - scaled)
    steady = replace(lever, options={**lever.options, "autoscale": False})
    assert saving(log, steady) == pytest.approx(Decimal(54) - (10 * 10 * 2 + 1))


def test_no_gpu_is_paid_for_where_nothing_matches():
    log = [world.call(0)]
    assert saving(log, world.lever("self_host", "tenant = 'nobody'")) == 0


def test_a_reported_discount_is_kept_within_the_provider_that_grants_it():
    # Half price is paid today. Trimming a third saves a third of what is paid, not of the list price.
    log = [world.call(0, t_uncached=1_000_000, t_output=0, cost=Decimal("1.5"))]
    assert saving(log, world.lever("trim", share=1.0, input_reduction=1 / 3, output_reduction=0.0)) == pytest.approx(
        Decimal("0.5")
    )


def test_a_cost_without_a_price_list_is_spread_evenly_over_its_tokens():
    bare = {name: None for name in world.COLUMNS if name.startswith("r_")}
    row = world.call(0, t_uncached=900, t_output=100)
    log = [{**row, **bare, "priced_provider": None, "priced_model": None, "list_cost": None, "cost": Decimal(1)}]
    assert saving(log, world.lever("trim", share=1.0, input_reduction=0.5, output_reduction=0.0)) == pytest.approx(
        Decimal("0.45")
    )


def test_what_is_unpriced_saves_nothing():
    row = world.call(0, t_uncached=900, t_output=100)
    log = [{**row, "cost": None, "list_cost": None}]
    made = world.build(log, [world.lever("trim")])
    assert (made.replay().before, made.replay().saving) == (0, 0)


def spent(tenant, *costs, day=1):
    """Return calls of a tenant at 3 USD a million tokens, on one day."""
    at = world.START + timedelta(days=day - 1)
    return [
        world.call(
            1000 * day + 100 * ord(tenant) + n, ts=at, tenant=tenant, t_uncached=usd * 1_000_000 // 3, t_output=0
        )
        for n, usd in enumerate(costs)
    ]


# A month has a month of limit only where the log covers it: here one that covers September.
SEPTEMBER = [world.call(1), world.call(2, ts=world.START + timedelta(days=30) - timedelta(seconds=1))]


def refuse(limit, per="tenant", period="month", share=1.0, **options):
    return world.lever(
        "budget", options={"per": per, "period": period, "action": "reject", **options}, limit_usd=limit, share=share
    )


def test_a_limit_refuses_what_each_tenant_spends_past_it():
    # 12 and 3 USD a month under a limit of 9: three quarters of the first tenant's spend are left.
    log = spent("a", 6, 6) + spent("b", 3)
    made = world.build(log, [refuse(9.0)], window=SEPTEMBER)
    assert made.replay().saving == pytest.approx(3)
    assert made.pooled() == pytest.approx(3)
    found = rows.limited(made.connection, made.bounds, draws.expected(made.bounds), made.bounds[0])
    assert (float(found.calls), float(found.usd)) == (pytest.approx(0.5), pytest.approx(3))
    assert (found.groups, found.groups_over) == (2, 1)


def test_half_of_the_calls_under_a_limit_are_refused_half_as_much():
    assert saving(spent("a", 6, 6), refuse(9.0, share=0.5), window=SEPTEMBER) == pytest.approx(Decimal("1.5"))


def test_a_limit_a_day_does_not_carry_over_to_the_next():
    log = spent("a", 9, day=2) + spent("a", 3, day=3)
    assert saving(log, refuse(6.0, period="day"), window=SEPTEMBER) == pytest.approx(3)


def test_half_a_month_of_log_has_half_the_limit_of_a_month():
    fortnight = [world.call(1), world.call(2, ts=world.START + timedelta(days=15) - timedelta(seconds=1))]
    log = spent("a", 6, 6)
    assert saving(log, refuse(18.0), window=fortnight) == pytest.approx(3)


def test_what_levers_before_saved_counts_for_the_limit():
    # Half of 12 USD is trimmed away, so that 6 are left under a limit of 6.
    log = spent("a", 6, 6)
    half = world.lever("trim", share=1.0, input_reduction=0.5, output_reduction=0.0)
    made = world.build(log, [half, refuse(6.0)], window=SEPTEMBER)
    assert made.replay().after == 6


def test_a_downgrade_pays_the_cheaper_model_for_what_is_past_the_limit():
    # Half of 12 USD is past the limit: 2 M tokens at 0.40 times 1.1 in the place of 6 USD.
    options = {"per": "tenant", "period": "month", **world.DOWNGRADE}
    lever = world.lever("budget", options=options, share=1.0, limit_usd=6.0, tokeniser_ratio=1.1)
    made = world.build(spent("a", 6, 6), [lever], window=SEPTEMBER)
    assert made.replay().after == pytest.approx(Decimal("6.88"))
    assert made.pooled() == pytest.approx(12 - 6.88)


def test_what_the_cheaper_model_answers_today_counts_for_the_limit_and_stays():
    options = {"per": "tenant", "period": "month", **world.DOWNGRADE}
    lever = world.lever("budget", options=options, share=1.0, limit_usd=6.0, tokeniser_ratio=1.0)
    cheap = [world.call(7, tenant="a", served=("openai", "small"), t_uncached=15_000_000, t_output=0)]
    made = world.build(spent("a", 6) + cheap, [lever], window=SEPTEMBER)
    # 12 USD in all, half past the limit: half of the dear call moves, 1 M tokens at 0.40.
    assert made.replay().after == pytest.approx(Decimal("9.4"))
    assert made.pooled() == pytest.approx(2.6)


def test_calls_that_name_no_user_have_no_limit_of_a_user():
    log = [{**row, "user_id": user} for row, user in zip(spent("a", 6, 6), (None, "u"), strict=True)]
    assert saving(log, refuse(3.0, per="user_id"), window=SEPTEMBER) == pytest.approx(3)


def test_gpus_are_paid_once_where_a_later_limit_splits_the_calls():
    levers = [
        world.lever("self_host", share=0.5, gpu_hour_usd=1.0, ops_monthly_usd=0.0),
        world.lever("budget", options={"per": "all", "period": "month", **world.DOWNGRADE}, share=1.0, limit_usd=1.0),
    ]
    made = world.build(spent("a", 6, 6), levers, window=SEPTEMBER)
    alone = world.build(spent("a", 6, 6), levers[:1], window=SEPTEMBER)
    gpus = alone.replay().after - 6
    assert made.replay().after == pytest.approx(1 + Decimal("0.4") * Decimal("1.1") * Decimal(5) / 3 + gpus)


def test_many_groups_are_pooled_by_how_far_they_are_over_and_todays_total_stays():
    # 200 users spend 3, 6, … 600 cents under a limit of 300: 3 + 6 + … + 300 cents are past it.
    log = [world.call(n, user_id=f"u{n}", ts=world.START, t_uncached=10_000 * (n + 1), t_output=0) for n in range(200)]
    made = world.build(log, [refuse(3.0, per="user_id")], window=SEPTEMBER)
    assert made.cells.size <= 64
    assert float(made.replay().saving) == pytest.approx(151.5)
    assert made.pooled() == pytest.approx(151.5)
