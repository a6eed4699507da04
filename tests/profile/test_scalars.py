"""The scalars: exact on small logs that can be computed by hand, and equal however the rows are stored."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenop.catalogue.vocabulary import PROFILE_SCALARS
from tokenop.profile.scalars import compute, weighted_quantiles

DAY = "2026-09-01T"


def test_names_are_those_templates_may_use(make_calls):
    connection = make_calls([{"ts": f"{DAY}00:00:00Z"}])
    assert list(compute(connection)) == list(PROFILE_SCALARS)


def test_values_of_a_small_log(make_calls):
    connection = make_calls(
        [
            {"ts": f"{DAY}00:00:00Z", "prompt_hash": "a", "latency_ms": 10, "agent_id": "x"},
            {"ts": f"{DAY}00:02:00Z", "prompt_hash": "a", "latency_ms": 30, "cache_read_input_tokens": 500},
            {"ts": f"{DAY}01:20:00Z", "prompt_hash": "b", "latency_ms": None, "batch": True, "model": "small"},
            {"ts": f"{DAY}01:59:00Z", "latency_ms": 50, "model": "other", "tenant": "u"},
        ]
    )
    found = compute(connection)
    # big: 1000·5 + 100·25 = 7,500 µ$; with 500 read: 500·5 + 500·0.5 + 100·25 = 5,250 µ$; small: 1,500 µ$
    cost = Decimal("0.01425")
    assert found["window_hours"] == 2
    assert found["calls"] == 4
    assert found["calls_per_day"] == 48
    assert found["monthly_cost_usd"] == (cost / (2 / Decimal("730.5"))).quantize(Decimal("1e-12"))
    assert found["cost_per_call_usd"] == cost / 3
    assert found["cached_input_share"] == 0.125
    assert found["output_cost_share"] == pytest.approx(5500 / 14250)
    assert found["repeat_share"] == pytest.approx(1 / 3)
    assert found["warm_share"] == 0.25
    assert found["batch_share"] == 0.25
    assert found["agent_share"] == 0.25
    assert found["session_share"] == 0
    assert found["distinct_tenants"] == 2
    assert found["distinct_models"] == 3
    assert found["top_model_cost_share"] == pytest.approx(12750 / 14250)
    assert found["frontier_cost_share"] == pytest.approx(12750 / 14250)
    assert found["priced_cost_share"] == 0.75
    assert found["peak_to_mean_hour"] == 1
    assert (found["latency_p50_ms"], found["latency_p95_ms"]) == (30, 50)


def test_unknown_is_none_and_never_zero(make_calls):
    found = compute(make_calls([{"ts": f"{DAY}00:00:00Z", "model": "other", "latency_ms": None}]))
    unknown = ("monthly_cost_usd", "latency_p95_ms", "quality_mean", "repeat_share", "prefix_reuse_share")
    assert [found[name] for name in unknown] == [None] * 5
    assert found["priced_cost_share"] == 0


def test_calls_without_usage_leave_token_means_unknown(make_calls):
    row = {"ts": f"{DAY}00:00:00Z", "input_tokens": None, "output_tokens": None, "usage_source": "missing"}
    found = compute(make_calls([row]))
    assert found["input_tokens_mean"] is None
    assert found["cached_input_share"] is None


def test_prefix_reuse_counts_leading_blocks_within_five_minutes(make_calls):
    blocks = {"input_tokens": 2000, "prefix_hashes": ["s", "x"]}
    connection = make_calls(
        [
            {"ts": f"{DAY}00:00:00Z", **blocks},
            {"ts": f"{DAY}00:04:00Z", **blocks, "prefix_hashes": ["s", "y"]},
            {"ts": f"{DAY}00:30:00Z", **blocks},
        ]
    )
    assert compute(connection)["prefix_reuse_share"] == pytest.approx(1000 / 6000)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 7)), min_size=1, max_size=12))
def test_a_row_that_stands_for_n_calls_weighs_n(make_calls, rows):
    connection = make_calls([{"ts": f"{DAY}00:00:00Z"}])
    values = ", ".join(f"({value}, {n})" for value, n in rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE pooled AS SELECT * FROM (VALUES {values}) t(v, n)")
    expected = connection.execute(
        "SELECT quantile_disc(v, [0.5, 0.95, 0.99]) FROM (SELECT v, unnest(range(n)) FROM pooled)"
    ).fetchone()
    assert connection.execute(weighted_quantiles("pooled", "v", (0.5, 0.95, 0.99))).fetchone() == expected
