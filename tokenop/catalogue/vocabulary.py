"""The names that a template's expressions may use, with their DuckDB types."""

from __future__ import annotations

from tokenop.events import schema
from tokenop.inventory.columns import COLUMNS

# Columns that pricing adds to an event (`tokenop.prices.calls`): disjoint token buckets, list rates, resolved model.
_CALL_COLUMNS: dict[str, str] = {
    "n": "BIGINT",
    "t_uncached": "BIGINT",
    "t_read": "BIGINT",
    "t_write_5m": "BIGINT",
    "t_write_1h": "BIGINT",
    "t_output": "BIGINT",
    "r_uncached": "DOUBLE",
    "r_read": "DOUBLE",
    "r_write_5m": "DOUBLE",
    "r_write_1h": "DOUBLE",
    "r_output": "DOUBLE",
    "priced_provider": "VARCHAR",
    "priced_model": "VARCHAR",
}

EVENT_COLUMNS: dict[str, str] = {**schema.types(), **_CALL_COLUMNS}
"""What a lever's `where` may name: one priced call."""

PROFILE_SCALARS: dict[str, str] = {
    "window_hours": "DOUBLE",
    "calls": "BIGINT",
    "calls_per_day": "DOUBLE",
    "monthly_calls": "DOUBLE",
    "monthly_cost_usd": "DECIMAL(38,12)",
    "cost_per_call_usd": "DECIMAL(38,12)",
    "input_tokens_mean": "DOUBLE",
    "input_tokens_p95": "DOUBLE",
    "output_tokens_mean": "DOUBLE",
    "output_tokens_p95": "DOUBLE",
    "output_cost_share": "DOUBLE",
    "cached_input_share": "DOUBLE",
    "cache_write_share": "DOUBLE",
    "prefix_reuse_share": "DOUBLE",
    "repeat_share": "DOUBLE",
    "warm_share": "DOUBLE",
    "batch_share": "DOUBLE",
    "distinct_tenants": "BIGINT",
    "distinct_intents": "BIGINT",
    "distinct_models": "BIGINT",
    "distinct_providers": "BIGINT",
    "top_model_cost_share": "DOUBLE",
    "frontier_cost_share": "DOUBLE",
    "peak_to_mean_hour": "DOUBLE",
    "latency_p50_ms": "DOUBLE",
    "latency_p95_ms": "DOUBLE",
    "quality_mean": "DOUBLE",
    "priced_cost_share": "DOUBLE",
    "agent_share": "DOUBLE",
    "session_share": "DOUBLE",
}
"""What `applies_when` may name: one row that describes the whole workload. NULL where the events do not say."""

INVENTORY_SCALARS: dict[str, str] = {
    "infra_resources": "BIGINT",
    "infra_monthly_usd": "DECIMAL(38,12)",
    "infra_on_demand_monthly_usd": "DECIMAL(38,12)",
    "gpu_on_demand_monthly_usd": "DECIMAL(38,12)",
    "gpu_count": "BIGINT",
    "on_demand_share": "DOUBLE",
    "spot_share": "DOUBLE",
    "reserved_share": "DOUBLE",
}
"""What `applies_when` may also name: the inventory as a whole. NULL where there is none, or where it does not say."""

WORKLOAD_SCALARS: dict[str, str] = {**PROFILE_SCALARS, **INVENTORY_SCALARS}
"""All that `applies_when` may name."""

RESOURCE_COLUMNS: dict[str, str] = COLUMNS
"""What the `where` of a capacity lever may name: one resource of the inventory."""
