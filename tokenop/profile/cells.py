"""The workload as cells of at least k calls: what can be shared where the events cannot.

The rules (docs/sharing.md has them for readers):

- No tenant, user, department, session, task, agent, id, prompt, output, hash, endpoint or region is written.
- A cell is what provider and model, price, batch or not, intent, operation, size of input and day have in common.
- A cell of fewer than k calls is merged upwards, giving up in turn the operation, the size of input, the day (for the
  week, then for the whole window) and the intent. What is fewer than k even then is left out, and counted.
- An intent is named only where at least k calls have it and, where its users are known, at least k users; where only
  sessions are known, at least k sessions. Otherwise its calls are counted under `other`.
- A provider or model is named as `public_names` has it: by the price book, or where at least k users have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop.profile import public_names, reuse
from tokenop.profile.narrow import REPEAT_HOURS

if TYPE_CHECKING:
    import duckdb

OTHER = public_names.OTHER
BANDS = (1_000, 4_000, 16_000, 64_000, 200_000)
"""Upper bounds of the sizes of input in tokens; the last band has none."""

MOST_CELLS = 6_000
"""So that the file stays near a megabyte; above it, cells start coarser."""

KIND = (
    "provider", "model", "priced_provider", "priced_model", "price_id", "undated", "cost_basis",
    "r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output", "r_call", "batch_discount",
    "batch", "cache_hit", "caching", "in_session", "by_agent", "usage_known", "prompts_known", "prefixes_known",
)  # fmt: skip
"""What is never given up: what a call is billed as, how it was made, and what of it is known."""

SUMS = (
    "calls", "t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output", "cost", "list_cost",
    "latency", "latency_calls", "quality", "quality_calls",
    "hit_5m_tokens", "hit_1h_tokens", "repeat_calls", "warm_5m_calls", "warm_1h_calls",
)  # fmt: skip

# What a cell is known by besides its kind; each level gives up one more thing.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("intent", "operation", "band", "day"),
    ("intent", "band", "day"),
    ("intent", "day"),
    ("intent", "week"),
    ("intent",),
    (),
)

CELL_COLUMNS = ("kind", "intent", "operation", "band", "day", "days", *SUMS)

_FINEST, _REST, _LEVEL, _CELLS = "share_finest", "share_rest", "share_level", "share_cells"


@dataclass(frozen=True, slots=True)
class Total:
    """Calls, tokens and cost of some cells; the cost is of those whose cost is known."""

    calls: int
    tokens: int
    cost_usd: Decimal

    def as_dict(self) -> dict[str, object]:
        """Return the figures; the cost as exact text."""
        return {"calls": self.calls, "tokens": self.tokens, "cost_usd": f"{self.cost_usd:f}"}


@dataclass(frozen=True, slots=True)
class Cells:
    """A workload fit to be shared. `cells` are in CELL_COLUMNS, `kinds` in KIND and numbered from 0."""

    k: int
    kinds: tuple[tuple[Any, ...], ...]
    cells: tuple[tuple[Any, ...], ...]
    whole: Total
    suppressed: Total


def build(connection: duckdb.DuckDBPyConnection, calls: str, first_day: date, k: int, most: int = MOST_CELLS) -> Cells:
    """Return the relation `calls` as cells of at least `k` calls.

    Args:
        connection: where the relation is.
        calls: its name; one row an event.
        first_day: the first day of the window, from which weeks are counted.
        k: the fewest calls of a cell.
        most: the most cells, kept by starting at a coarser level.
    """
    kinds = _finest(connection, calls, first_day, k)
    for level in range(len(_LEVELS)):
        _merge(connection, k, level)
        row = connection.execute(f"SELECT count(*) FROM {_CELLS}").fetchone()
        if row and row[0] <= most:
            break
    cells = connection.execute(
        f"""SELECT {", ".join(CELL_COLUMNS)} FROM {_CELLS}
        ORDER BY kind, intent, operation NULLS LAST, band NULLS LAST, day NULLS LAST, days NULLS LAST LIMIT {most}"""
    ).fetchall()
    kinds, cells = _only_used(kinds, cells)
    whole, kept = _total(connection, _FINEST), _total(connection, _CELLS)
    for table in (_FINEST, _REST, _LEVEL, _CELLS, public_names.TABLE):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    suppressed = Total(whole.calls - kept.calls, whole.tokens - kept.tokens, whole.cost_usd - kept.cost_usd)
    return Cells(k, tuple(kinds), tuple(cells), whole, suppressed)


def _only_used(
    kinds: list[tuple[Any, ...]], cells: list[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the kinds that a cell has, and the cells with their new numbers: a kind of few calls is not told."""
    used = sorted({cell[0] for cell in cells})
    numbers = {old: new for new, old in enumerate(used)}
    return [kinds[old] for old in used], [(numbers[cell[0]], *cell[1:]) for cell in cells]


def named_intents(connection: duckdb.DuckDBPyConnection, calls: str, k: int) -> list[str]:
    """Return the intents that may be named, in order."""
    rows = connection.execute(
        f"""SELECT intent FROM {calls} GROUP BY intent
        HAVING sum(n) >= {k} AND CASE WHEN count(user_id) > 0 THEN count(DISTINCT user_id) >= {k}
               WHEN count(session_id) > 0 THEN count(DISTINCT session_id) >= {k} ELSE true END
        ORDER BY intent"""
    ).fetchall()
    return [row[0] for row in rows]


def _finest(connection: duckdb.DuckDBPyConnection, calls: str, first_day: date, k: int) -> list[tuple[Any, ...]]:
    """Create the finest cells in the table _FINEST and return the kinds."""
    hashed = connection.execute(f"SELECT coalesce(bool_or(len(prefix_hashes) > 0), false) FROM {calls}").fetchone()
    prefixes = reuse.prefix_hits(calls) if hashed and hashed[0] else _NO_HITS
    band = "CASE " + " ".join(f"WHEN input_tokens < {top} THEN {at}" for at, top in enumerate(BANDS)) + " ELSE 5 END"
    names = public_names.create(connection, calls, k)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {_FINEST} AS
        WITH hits AS ({prefixes}), again AS (
          SELECT *, {reuse.repeat(REPEAT_HOURS)} AS repeats, {reuse.warm("5m")} AS warm_5m,
                 {reuse.warm("1h")} AS warm_1h FROM (SELECT *, {reuse.NARROW} FROM {calls})
        ), described AS (
          SELECT again.* EXCLUDE (price_id, batch, cache_hit, intent, provider, model),
            coalesce(shown_provider, '{OTHER}') AS provider, coalesce(shown_model, '{OTHER}') AS model,
            CASE WHEN cost_usd IS NULL AND list_cost IS NOT NULL THEN price_id END AS price_id,
            coalesce(batch, false) AS batch, coalesce(cache_hit, false) AS cache_hit,
            coalesce(t_read + t_write_5m + t_write_1h > 0, false) AS caching,
            session_id IS NOT NULL AS in_session, agent_id IS NOT NULL AS by_agent,
            t_output IS NOT NULL AS usage_known, prompt_hash IS NOT NULL AS prompts_known,
            hits.id IS NOT NULL AS prefixes_known,
            CASE WHEN intent IN (SELECT unnest(?::VARCHAR[])) THEN intent ELSE '{OTHER}' END AS intent,
            CASE WHEN input_tokens IS NOT NULL THEN {band} END AS band, ts::DATE AS day,
            ?::DATE + 7 * ((ts::DATE - ?::DATE) // 7)::INTEGER AS week, hit_5m_tokens, hit_1h_tokens
          FROM again LEFT JOIN hits USING (id) LEFT JOIN {names} USING (provider, model)
        )
        SELECT {", ".join(KIND)}, intent, operation, band, day, week, sum(n)::BIGINT AS calls,
          sum(t_uncached)::BIGINT AS t_uncached, sum(t_read)::BIGINT AS t_read,
          sum(t_write_5m)::BIGINT AS t_write_5m, sum(t_write_1h)::BIGINT AS t_write_1h,
          sum(t_output)::BIGINT AS t_output, sum(cost) AS cost, sum(list_cost) AS list_cost,
          sum(CAST(latency_ms AS DECIMAL(18,3))) AS latency, count(latency_ms) AS latency_calls,
          sum(CAST(quality_score AS DECIMAL(18,9))) AS quality, count(quality_score) AS quality_calls,
          sum(hit_5m_tokens)::BIGINT AS hit_5m_tokens, sum(hit_1h_tokens)::BIGINT AS hit_1h_tokens,
          sum(repeats)::BIGINT AS repeat_calls, sum(warm_5m)::BIGINT AS warm_5m_calls,
          sum(warm_1h)::BIGINT AS warm_1h_calls
        FROM described GROUP BY ALL""",
        [named_intents(connection, calls, k), first_day, first_day],
    )
    # Kinds are written once and numbered, which keeps the file small.
    names = ", ".join(KIND)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {_FINEST} AS
        SELECT * EXCLUDE ({names}), dense_rank() OVER (ORDER BY {names}) - 1 AS kind, {names} FROM {_FINEST}"""
    )
    kinds = connection.execute(f"SELECT DISTINCT kind, {names} FROM {_FINEST} ORDER BY kind").fetchall()
    return [row[1:] for row in kinds]


_NO_HITS = "SELECT NULL::VARCHAR AS id, NULL::BIGINT AS hit_5m_tokens, NULL::BIGINT AS hit_1h_tokens WHERE false"


def _merge(connection: duckdb.DuckDBPyConnection, k: int, first_level: int) -> None:
    """Create the table _CELLS from the finest cells, beginning at a level."""
    added = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_REST} AS FROM {_FINEST}")
    for number, level in enumerate(_LEVELS[first_level:]):
        keys = ", ".join(("kind", *level))
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {_LEVEL} AS
            SELECT {keys}, {added} FROM {_REST} GROUP BY {keys} HAVING sum(calls) >= {k}"""
        )
        into = f"INSERT INTO {_CELLS}" if number else f"CREATE OR REPLACE TEMP TABLE {_CELLS} AS"
        connection.execute(f"{into} SELECT {_described(level)}, {', '.join(SUMS)} FROM {_LEVEL}")
        same = " AND ".join(f"rest.{key} IS NOT DISTINCT FROM level.{key}" for key in ("kind", *level))
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {_REST} AS
            SELECT rest.* FROM {_REST} AS rest ANTI JOIN {_LEVEL} AS level ON {same}"""
        )


def _described(level: tuple[str, ...]) -> str:
    """Return the SELECT list of what a cell of this level is known by; NULL is what was given up."""
    day = {"day": "day, 1 AS days", "week": "week AS day, 7 AS days"}
    return ", ".join(
        (
            "kind",
            "intent" if "intent" in level else f"'{OTHER}' AS intent",
            "operation" if "operation" in level else "NULL::VARCHAR AS operation",
            "band" if "band" in level else "NULL::INTEGER AS band",
            next((day[key] for key in level if key in day), "NULL::DATE AS day, NULL::INTEGER AS days"),
        )
    )


def _total(connection: duckdb.DuckDBPyConnection, table: str) -> Total:
    row = connection.execute(
        f"""SELECT coalesce(sum(calls), 0)::BIGINT, coalesce(sum(cost), 0)::DECIMAL(38,12),
            coalesce(sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output), 0)::HUGEINT FROM {table}"""
    ).fetchone()
    assert row is not None
    return Total(row[0], row[2], row[1])
