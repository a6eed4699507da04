"""Binding templates' levers to a workload: names for their columns, prices of their targets, observed latencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from tokenop.economics.levers import Bound, chain_key
from tokenop.errors import TokenOpError

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template
    from tokenop.prices.book import PriceBook

# A median of fewer calls says little about a model's speed.
ENOUGH_CALLS = 30


class UnknownTargetError(TokenOpError):
    """A lever moves calls to a model that the price book does not know."""


def bind(
    connection: duckdb.DuckDBPyConnection, book: PriceBook, templates: Sequence[Template], at: datetime
) -> list[Bound]:
    """Return the templates' levers in chain order, bound to the target prices valid at `at`.

    Raises:
        UnknownTargetError: a target model has no price.
    """
    from tokenop.prices.calls import target_rates

    found: list[Bound] = []
    for template in sorted(templates, key=lambda one: one.id):
        for lever in template.levers:
            bound = Bound(template.id, lever, f"l{len(found)}")
            to = lever.options.get("to")
            if isinstance(to, dict):
                provider, model = str(to["provider"]), str(to["model"])
                key = book.resolve(provider, model)
                if key is None:
                    raise UnknownTargetError(f"{template.id}: no price is known for {provider}/{model}")
                rates = tuple(target_rates(connection, book, provider, model, at))
                bound = replace(bound, target=rates, target_provider=key.provider, target_model=key.model)
            found.append(bound)
    return sorted(found, key=chain_key)


def observe_latency(connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound]) -> list[Bound]:
    """Return the levers with target ÷ source median latency, where both are seen often enough in the work table."""
    seen: list[Bound] = []
    for bound in bounds:
        if not bound.target:
            seen.append(bound)
            continue
        row = connection.execute(
            f"SELECT (SELECT quantile_cont(latency, 0.5) FROM work JOIN segments USING (segment) "
            f"        WHERE segments.priced_provider = $provider AND segments.priced_model = $model "
            f"        HAVING count(latency) >= {ENOUGH_CALLS}), "
            f"       (SELECT quantile_cont(latency, 0.5) FROM work WHERE {bound.name} "
            f"        HAVING count(latency) >= {ENOUGH_CALLS})",
            {"provider": bound.target_provider, "model": bound.target_model},
        ).fetchone()
        target, source = row if row else (None, None)
        seen.append(replace(bound, latency_ratio=target / source) if target and source else bound)
    return seen
