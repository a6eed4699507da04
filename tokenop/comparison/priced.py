"""What the calls of `facts` cost where a config sends them, and what differs between two configs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from tokenop.comparison.routed import AS_IT_IS
from tokenop.prices.calls import MOST_TOKENS, RATE
from tokenop.routing.chain.charging import biller_of

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook
    from tokenop.providers.base import Target

_BUCKETS = ("uncached", "read", "write_5m", "write_1h", "output")
_SIZE = "(" + " + ".join(f"f.t_{name}" for name in _BUCKETS[:-1]) + ") // greatest(f.n, 1)"
_FITS = f"{_SIZE} > p.above AND {_SIZE} <= p.upto"
_PRICE = "(" + " + ".join(f"f.t_{name} * p.r_{name}" for name in _BUCKETS) + " + f.n * p.r_call)::DECIMAL(38,12)"

# Where several targets lose a call to several others, each takes from each in proportion.
_FLOWS = f"""CREATE OR REPLACE TEMP TABLE flows AS
WITH sides AS (
  SELECT row_id, target, tier, true AS gains, sum(weight) AS weight FROM head GROUP BY ALL
  UNION ALL SELECT row_id, target, tier, false, sum(weight) FROM base GROUP BY ALL
), ends AS (
  SELECT d.row_id, d.usd, s.gains, s.tier, coalesce(d.target, '{AS_IT_IS}') AS target,
         abs(d.weight) * s.weight / sum(s.weight) OVER (PARTITION BY d.row_id, d.target, s.gains) AS weight
  FROM differences d JOIN sides s
    ON s.row_id = d.row_id AND s.target IS NOT DISTINCT FROM d.target AND s.gains = (d.weight > 0)
), pairs AS (
  SELECT now.row_id, now.tier, was.tier AS tier_was, now.target, was.target AS target_was, now.usd - was.usd AS usd,
         now.weight * was.weight / sum(was.weight) OVER (PARTITION BY now.row_id, now.tier, now.target) AS weight
  FROM ends now JOIN ends was ON was.row_id = now.row_id AND now.gains AND NOT was.gains
)
SELECT p.row_id, coalesce(f.intent, 'unknown') AS intent, p.tier, p.tier_was, p.target, p.target_was,
       f.n * p.weight AS moved, CASE WHEN d.usd IS NOT NULL THEN p.usd::DOUBLE * p.weight END AS usd
FROM pairs p JOIN facts f USING (row_id) JOIN deltas d USING (row_id)"""


def rates(
    connection: duckdb.DuckDBPyConnection, book: PriceBook, targets: Mapping[str, Target], at: datetime
) -> tuple[str, ...]:
    """Create the table `target_rates` (target, priced model, range of input tokens, USD a token).

    Returns:
        the targets without a known price at that time, sorted. Local models are among them unless a price file says.
    """
    rows: list[tuple[object, ...]] = []
    unpriced = []
    for key, target in sorted(targets.items()):
        found = book.resolve(biller_of(target), target.model)
        entries = [e for e in (book.valid_at(found, at) if found else ()) if e.slot.processing != "batch"]
        if not entries:
            unpriced.append(key)
        for entry in entries:
            above = -MOST_TOKENS if entry.slot.above < 0 else entry.slot.above
            upto = MOST_TOKENS if entry.slot.upto is None else entry.slot.upto
            place = (key, entry.key.provider, entry.key.model, above, upto)
            rows.append((*place, *(str(rate) for rate in entry.rates.charged()), str(entry.rates.per_call)))
    columns = ", ".join(f"r_{name} {RATE}" for name in (*_BUCKETS, "call"))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE target_rates (target VARCHAR, to_provider VARCHAR, to_model VARCHAR, "
        f"above BIGINT, upto BIGINT, {columns})"
    )
    if rows:
        places = ", ".join(["?"] * 11)
        connection.executemany(f"INSERT INTO target_rates VALUES ({places})", rows)
    return tuple(unpriced)


def compare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `differences` and `deltas` from the tables `base` and `head`.

    `differences`: (row_id, target, weight): how much more of a row the target answers; NULL is "as it is".
    `deltas`: one row a call or cell that moves: calls moved, and what that costs (USD; NULL: unknown).
    `flows`: the same by where it comes from and where it goes, since a share sends one call to several.
    Tokens that a cache served stay so where the new model has a price for them: its cache is as warm after some days.
    """
    for side in ("base", "head"):
        # Where a config sends a call to the model that it has anyway, nothing moves.
        connection.execute(
            f"""UPDATE {side} SET target = p.target FROM facts f, target_rates p
WHERE {side}.target IS NULL AND f.row_id = {side}.row_id AND p.to_provider = f.priced_provider
  AND p.to_model = f.priced_model"""
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE differences AS
WITH moved AS (
  SELECT row_id, target, sum(w) AS weight FROM (
    SELECT row_id, target, weight AS w FROM head UNION ALL SELECT row_id, target, -weight FROM base
  ) GROUP BY ALL HAVING abs(sum(w)) > 1e-9
)
SELECT m.row_id, m.target, m.weight, f.slot, f.priced_provider AS own_provider, f.priced_model AS own_model,
       p.to_provider, p.to_model,
       CASE WHEN m.target IS NULL THEN f.own_cost ELSE {_PRICE} END AS usd
FROM moved m JOIN facts f USING (row_id) LEFT JOIN target_rates p ON p.target = m.target AND {_FITS}"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE deltas AS
SELECT d.row_id, any_value(f.n) * sum(d.weight) FILTER (d.weight > 0) AS moved,
       CASE WHEN bool_and(d.usd IS NOT NULL)
         THEN sum((d.usd * d.weight::DECIMAL(18,9))::DECIMAL(38,12)) END AS usd
FROM differences d JOIN facts f USING (row_id)
GROUP BY d.row_id"""
    )
    connection.execute(_FLOWS)


def bill(connection: duckdb.DuckDBPyConnection) -> float | None:
    """Return what calls cost under `base`, in the window, over those whose price is known; None where none is."""
    row = connection.execute(
        f"""SELECT CAST(sum((b.weight::DECIMAL(18,9) * CASE WHEN b.target IS NULL THEN f.own_cost ELSE {_PRICE} END
)::DECIMAL(38,12)) AS DOUBLE)
FROM base b JOIN facts f USING (row_id) LEFT JOIN target_rates p ON p.target = b.target AND {_FITS}"""
    ).fetchone()
    return None if row is None or row[0] is None else float(row[0])
