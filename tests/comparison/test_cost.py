"""What a change of routing costs: against a plain loop over the calls, and what must hold whatever is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.comparison.world import PREDICATES, TARGETS, config, opened
from tests.economics.world import START, call, calls
from tokenop.comparison import cost
from tokenop.comparison.model import Cost
from tokenop.prices import book
from tokenop.profile.window import Window
from tokenop.routing.model import RoutingConfig

BOOK = book.load()
WINDOW = Window(START, START + timedelta(days=10))
LOG = cost.Log("events", "events.jsonl", Path("events.jsonl"))

rules = st.lists(
    st.tuples(
        st.sampled_from(sorted(PREDICATES)),
        st.sampled_from(["T1", "T2", "T3", "T4"]),
        st.sampled_from(["1", "0.5", "0"]),
    ),
    max_size=3,
)


def compared(log: Sequence[Mapping[str, Any]], base: RoutingConfig | None, head: RoutingConfig | None) -> Cost:
    with opened(log) as connection:
        return cost.compared(connection, LOG, WINDOW, None, False, base, head, BOOK)


def by_hand(row: Mapping[str, Any], routed: RoutingConfig) -> Decimal:
    """Return what one call costs where a config sends it: rule after rule, as a person would do it."""
    rest, total = Decimal(1), Decimal(0)
    for rule in routed.rules:
        if PREDICATES[rule.when](row) is True:
            total += rest * rule.share * price(row, rule.tier or "")
            rest -= rest * rule.share
    return total + rest * price(row, routed.default_tier)


def price(row: Mapping[str, Any], tier: str) -> Decimal:
    target = TARGETS[tier]
    key = BOOK.resolve(target.provider, target.model)
    assert key is not None
    for entry in BOOK.valid_at(key, WINDOW.until):
        if entry.slot.above < row["input_tokens"] and (
            entry.slot.upto is None or row["input_tokens"] <= entry.slot.upto
        ):
            buckets = (row[f"t_{name}"] for name in ("uncached", "read", "write_5m", "write_1h", "output"))
            return entry.rates.cost(*buckets)
    raise AssertionError(f"no price of {tier} for so many tokens")


@settings(max_examples=20, deadline=None)
@given(calls(12), rules, rules)
def test_the_change_is_what_a_loop_over_the_calls_gives(log, before, after):
    base, head = config(before), config(after)
    wanted = sum((by_hand(row, head) - by_hand(row, base) for row in log if not row["batch"]), Decimal(0))
    found = compared(log, base, head)
    assert found.exact_delta is not None
    assert abs(found.exact_delta - wanted) < Decimal("1e-9")
    assert found.unknown_calls == 0


@settings(max_examples=8, deadline=None)
@given(calls(12), rules, rules)
def test_what_one_way_costs_the_other_way_saves(log, before, after):
    there, back = compared(log, config(before), config(after)), compared(log, config(after), config(before))
    assert there.exact_delta == -(back.exact_delta or 0)
    assert there.moved == pytest.approx(back.moved)


@settings(max_examples=8, deadline=None)
@given(calls(12), rules)
def test_a_config_that_stays_the_same_changes_nothing(log, same):
    found = compared(log, config(same), config(same))
    assert (found.exact_delta, found.moved, found.interval) == (0, 0, (0.0, 0.0, 0.0))
    assert found.tiers == found.intents == found.moves == ()


def test_a_model_without_a_price_is_counted_and_in_no_sum() -> None:
    log = [call(number, intent=intent) for number, intent in enumerate(["extract", "chat", "chat"])]
    found = compared(log, config(), config([("intent = 'chat'", "T5", "1"), ("intent = 'extract'", "T3", "1")]))
    assert found.unknown_calls == 2
    assert found.unpriced == ("openai-compatible/a-model-without-a-price",)
    assert found.exact_delta == by_hand(log[0], config(default="T3")) - by_hand(log[0], config())


def test_where_no_call_that_moves_has_a_price_the_change_is_unknown_and_not_nothing() -> None:
    found = compared([call(0)], config(), config(default="T5"))
    assert found.delta_usd is None
    assert found.interval is None
    assert found.as_dict()["delta_monthly_usd"] is None


def test_without_an_earlier_config_calls_stay_with_their_model_at_their_own_cost() -> None:
    paid = Decimal("0.25")
    log = [call(0, cost=paid), call(1, served=("groq", "open"))]
    found = compared(log, None, config(default="T3"))
    wanted = by_hand(log[0], config(default="T3")) - paid + by_hand(log[1], config(default="T3")) - log[1]["cost"]
    assert found.exact_delta == wanted


def test_a_call_that_is_sent_to_the_model_that_it_has_does_not_move() -> None:
    own = call(0, provider="anthropic", model="claude-haiku-4-5", priced_provider="anthropic",
               priced_model="claude-haiku-4-5")  # fmt: skip
    assert compared([own], None, config(default="T3")).moved == 0


def test_a_batch_is_not_routed() -> None:
    found = compared([call(0, batch=True), call(1)], config(), config(default="T3"))
    assert (found.calls, found.moved) == (1, 1)


def test_a_rule_on_what_no_log_holds_is_named_with_the_calls_that_it_leaves() -> None:
    found = compared([call(0), call(1)], config(), config([("has_tools", "T3", "1")]))
    assert found.undecided == {"rule-0": 2}
    assert found.moved == 0


def test_recon_sends_all_calls_to_the_default_tier() -> None:
    found = compared(
        [call(0)], config([("true", "T3", "1")]), config([("true", "T3", "1")], default="T1", mode="recon")
    )
    assert [(part.was, part.name) for part in found.tiers] == [("T3", "T1")]


def test_parts_add_up_to_the_whole() -> None:
    log = [call(n, intent=f"intent-{n}", t_uncached=1000 * n) for n in range(20)]
    found = compared(log, config(), config(default="T3"))
    assert found.delta_usd is not None
    for parts in (found.tiers, found.intents, found.moves):
        assert sum(part.delta_usd or 0 for part in parts) == pytest.approx(found.delta_usd)
    assert found.intents[-1].name == "(others)"
    assert len(found.intents) == 13


def test_a_share_is_told_where_it_goes_and_not_where_most_of_its_calls_go() -> None:
    log = [call(n, intent="extract", t_uncached=1000 * n) for n in range(1, 9)]
    found = compared(log, config(), config([("intent = 'extract'", "T2", "0.3")], default="T3"))
    assert [(part.was, part.name, round(part.calls / found.tiers[0].calls, 4)) for part in found.tiers] == [
        ("T4", "T3", 1.0),
        ("T4", "T2", round(3 / 7, 4)),
    ]
    assert {part.name for part in found.moves} == {"anthropic/claude-haiku-4-5", "groq/llama-3.3-70b-versatile"}
    assert sum(part.calls for part in found.moves) == pytest.approx(8 * 730.5 / found.hours)
    back = compared(log, config([("intent = 'extract'", "T2", "0.3")], default="T3"), config())
    assert {(part.was, part.name) for part in back.tiers} == {("T3", "T4"), ("T2", "T4")}


def test_latency_comes_from_the_models_own_medians_and_only_where_there_are_enough() -> None:
    haiku = {"provider": "anthropic", "model": "claude-haiku-4-5", "priced_provider": "anthropic",
             "priced_model": "claude-haiku-4-5", "latency_ms": 400.0}  # fmt: skip
    few = [call(0, latency_ms=1000.0), *(call(n, **haiku) for n in range(1, 10))]
    many = [call(0, latency_ms=1000.0), *(call(n, **haiku) for n in range(1, 30))]
    assert compared(few, None, config(default="T3")).latency_ms is None
    assert compared(many, None, config(default="T3")).latency_ms == pytest.approx(-600)


def test_the_interval_holds_the_expected_change_and_is_wider_for_another_vendor() -> None:
    log = [call(n, ts=START + timedelta(hours=6 * n), t_uncached=1000 + 300 * (n % 7)) for n in range(40)]
    widths = []
    for tier in ("T3", "T2"):
        found = compared(log, config(), config(default=tier))
        assert found.interval is not None
        assert found.delta_usd is not None
        low, _, high = found.interval
        assert low <= found.delta_usd <= high
        widths.append((high - low) / abs(found.delta_usd))
    # The calls are Anthropic's, so that only the second move is to another vendor's tokeniser.
    assert widths[1] > widths[0]
