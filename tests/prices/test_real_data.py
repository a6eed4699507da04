"""Real recorded costs, recomputed."""

from __future__ import annotations

import statistics
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.database import connect, quoted
from tokenop.prices import calls
from tokenop.prices.book import PriceBook


def test_the_recorded_cost_of_tau2_is_reproduced_to_the_cent(shared_data: Path, book: PriceBook) -> None:
    connection = connect()
    connection.execute(
        f"""CREATE TABLE events AS SELECT (ts || 'Z')::TIMESTAMPTZ AS ts, 'unknown' AS provider, model,
            prompt_tokens::BIGINT AS input_tokens, completion_tokens::BIGINT AS output_tokens, cost_usd AS recorded
            FROM read_json({quoted(str(shared_data / "tau2_airline_calls.jsonl"))},
              columns={{ts: 'VARCHAR', model: 'VARCHAR', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT',
                cost_usd: 'DOUBLE'}})"""
    )
    coverage = calls.create(connection, book)
    row = connection.execute("SELECT sum(cost), sum(recorded), max(abs(cost::DOUBLE - recorded)) FROM calls").fetchone()
    assert row is not None
    assert round(row[0], 3) == Decimal("14.443")
    assert abs(row[0] - Decimal(row[1])) < Decimal("0.000001")
    assert row[2] < 1e-9
    assert (coverage.events, coverage.priced, coverage.undated) == (467, 467, 0)


def test_the_recorded_costs_of_aider_agree_with_the_priced_ones(shared_data: Path, book: PriceBook) -> None:
    connection = connect()
    connection.execute(
        f"""CREATE TABLE events AS SELECT to_timestamp(time) AS ts, 'unknown' AS provider,
              coalesce(properties.main_model, 'unknown') AS model, properties.prompt_tokens::BIGINT AS input_tokens,
              properties.completion_tokens::BIGINT AS output_tokens, nullif(properties.cost, 0) AS recorded
            FROM read_json({quoted(str(shared_data / "aider_calls.jsonl"))}, columns={{
              time: 'BIGINT', properties:
              'STRUCT(main_model VARCHAR, prompt_tokens BIGINT, completion_tokens BIGINT, cost DOUBLE)'}})"""
    )
    coverage = calls.create(connection, book)
    ratios: list[tuple[Any, ...]] = connection.execute(
        """SELECT list_cost::DOUBLE / recorded, model FROM calls
           WHERE recorded IS NOT NULL AND list_cost IS NOT NULL ORDER BY ALL"""
    ).fetchall()
    figures = [ratio for ratio, _ in ratios]
    close = sum(0.99 <= ratio <= 1.01 for ratio in figures)
    assert (coverage.events, len(figures)) == (3300, 2850)
    assert abs(statistics.median(figures) - 1) < 1e-9
    # The rest: clients with stale price lists, cached prompts that the record does not show, resellers' changes.
    assert close >= 2690
