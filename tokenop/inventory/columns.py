"""A resource as the columns that predicates over an inventory may name."""

from __future__ import annotations

from tokenop.inventory.model import Resource

# Columns of the relation that `where` is asked about: name → (DuckDB type).
COLUMNS: dict[str, str] = {
    "address": "VARCHAR",
    "provider": "VARCHAR",
    "type": "VARCHAR",
    "purpose": "VARCHAR",
    "region": "VARCHAR",
    "instance_type": "VARCHAR",
    "gpus_per_instance": "BIGINT",
    "accelerator": "VARCHAR",
    "total": "BIGINT",
    "on_demand": "BIGINT",
    "spot": "BIGINT",
    "reserved": "BIGINT",
    "autoscaling": "BOOLEAN",
    "autoscaling_min": "BIGINT",
    "autoscaling_max": "BIGINT",
    "scale_to_zero": "BOOLEAN",
    "hourly_usd": "DECIMAL(38,12)",
    "hourly_usd_spot": "DECIMAL(38,12)",
    "hourly_usd_reserved": "DECIMAL(38,12)",
    "monthly_usd": "DECIMAL(38,12)",
    "change": "VARCHAR",
}


def row(resource: Resource) -> dict[str, object]:
    """Return a resource as a row of `COLUMNS`."""
    count, price, bounds = resource.count, resource.hourly_usd, resource.autoscaling
    given: dict[str, object] = {
        "total": count.total,
        "on_demand": count.on_demand,
        "spot": count.spot,
        "reserved": count.reserved,
        "autoscaling": bounds.enabled,
        "autoscaling_min": bounds.min,
        "autoscaling_max": bounds.max,
        "hourly_usd": price.on_demand,
        "hourly_usd_spot": price.spot,
        "hourly_usd_reserved": price.reserved_1y,
    }
    return {name: given[name] if name in given else getattr(resource, name) for name in COLUMNS}
