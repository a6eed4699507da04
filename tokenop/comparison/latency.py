"""How much faster or slower calls become where others answer: from what their models took in the same log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb

# A median of fewer calls says little.
FEWEST = 20


class Change(NamedTuple):
    """Mean change of a moved call in milliseconds, and the share of moved calls that it is known for; None: of none."""

    ms: float | None
    share: float | None


def change(connection: duckdb.DuckDBPyConnection) -> Change:
    """Return the change from the tables `facts`, `differences` and `target_rates`.

    A call that stays as it is has its own latency. Cells have means of many calls, not the times of single ones: for
    them it is unknown.
    """
    row = connection.execute(
        f"""WITH medians AS (
  SELECT priced_provider, priced_model, median(latency) AS ms FROM facts WHERE n = 1 AND latency IS NOT NULL
  GROUP BY ALL HAVING count(*) >= {FEWEST}
), timed AS (
  SELECT d.row_id, d.weight, CASE WHEN d.target IS NULL THEN f.latency ELSE m.ms END AS ms
  FROM differences d JOIN facts f USING (row_id)
  LEFT JOIN medians m ON m.priced_provider = d.to_provider AND m.priced_model = d.to_model
), rows AS (
  SELECT row_id, sum(weight) FILTER (weight > 0) AS moved,
         CASE WHEN bool_and(ms IS NOT NULL) THEN sum(weight * ms) END AS change FROM timed GROUP BY row_id
)
SELECT sum(change), sum(moved) FILTER (change IS NOT NULL), sum(moved) FROM rows"""
    ).fetchone()
    if row is None or not row[2]:
        return Change(None, None)
    if not row[1]:
        return Change(None, 0.0)
    return Change(float(row[0]) / float(row[1]), float(row[1]) / float(row[2]))
