"""Sums over rows of the log: what the tables of living processes add up as they go, added up again by DuckDB."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.gateway.budgets.closed import Sums
from tokenop.gateway.budgets.windows import SPANS, SUMS, Key, within

if TYPE_CHECKING:
    import duckdb

PICO = 10**12  # of a US dollar: the log holds twelve digits
UNKNOWN = "unknown"
_HALF = Decimal("0.5")
# Every zone's hours begin at a quarter of UTC's: rows of one quarter are in the same windows.
_QUARTER = 900
_COLUMNS = {
    "ts": "VARCHAR",
    "user_id": "VARCHAR",
    "department": "VARCHAR",
    "tenant": "VARCHAR",
    "cost_usd": "VARCHAR",
    "input_tokens": "VARCHAR",
    "output_tokens": "VARCHAR",
}
_GROUPS = """
CREATE OR REPLACE TEMP TABLE groups AS
SELECT filename,
       coalesce(nullif(user_id, 'unknown'), '') AS "user", coalesce(nullif(department, 'unknown'), '') AS department,
       coalesce(nullif(tenant, 'unknown'), '') AS tenant, '' AS "all",
       CAST(epoch_us(TRY_CAST(ts AS TIMESTAMPTZ)) // {quarter} AS BIGINT) AS quarter,
       coalesce(sum(TRY_CAST(cost_usd AS DECIMAL(38, 12))), 0) AS usd,
       sum(coalesce(TRY_CAST(input_tokens AS BIGINT), 0) + coalesce(TRY_CAST(output_tokens AS BIGINT), 0)) AS tokens
FROM {source} WHERE TRY_CAST(ts AS TIMESTAMPTZ) IS NOT NULL GROUP BY ALL HAVING usd <> 0 OR tokens <> 0
"""
_WINDOWS = """
CREATE OR REPLACE TEMP TABLE windows AS
SELECT unnest($quarters) AS quarter, unnest($hours) AS "hour", unnest($days) AS "day", unnest($months) AS "month"
"""
_SUMS = """
SELECT filename, "{span}", "{per}", sum(usd), sum(tokens) FROM groups JOIN windows USING (quarter)
WHERE "{per}" <> '' OR '{span}' <> 'hour' GROUP BY ALL
"""


def pico_of(cost: object) -> int:
    """Return a row's cost in pico-dollars, half of one rounded up; 0 where it is unknown."""
    if cost is None:
        return 0
    if not isinstance(cost, Decimal):
        cost = Decimal(str(cost))
    pico = cost.scaleb(12)
    whole = int(pico)
    return whole if pico == whole or pico - whole < _HALF else whole + 1


def subject_of(name: object) -> str:
    """Return a row's user, department or tenant as it is counted: "" where nobody is named."""
    return name if isinstance(name, str) and name != UNKNOWN else ""


def of_files(segments: Sequence[Path], parquets: Sequence[Path], zone: tzinfo) -> dict[str, Sums]:
    """Return the sums of each file, by its path. Lines that are no rows, as a torn last one, count for nothing."""
    if not segments and not parquets:
        return {}
    from tokenop import database

    found: dict[str, Sums] = {}
    with database.connect(memory_limit="1GB") as connection:
        for source in [*_json(segments), *(_parquet(connection, path) for path in parquets)]:
            connection.execute(_GROUPS.format(quarter=_QUARTER * 1_000_000, source=source))
            rows = connection.execute("SELECT DISTINCT quarter FROM groups ORDER BY quarter").fetchall()
            connection.execute(_WINDOWS, _windows([quarter for (quarter,) in rows], zone))
            for per, span in SUMS:
                for path, start, subject, usd, tokens in connection.execute(
                    _SUMS.format(per=per, span=span)
                ).fetchall():
                    found.setdefault(path, {})[Key(per, span, start, subject)] = int(usd * PICO), int(tokens)
    return found


def _windows(quarters: list[int], zone: tzinfo) -> dict[str, list[int]]:
    seconds = [quarter * _QUARTER for quarter in quarters]
    starts = {f"{span}s": [within(span, second, zone).start for second in seconds] for span in SPANS}
    return {"quarters": quarters, **starts}


def _json(paths: Sequence[Path]) -> list[str]:
    from tokenop.database import quoted

    listed = [quoted(glob.escape(str(path))) for path in paths if path.stat().st_size]
    if not listed:
        return []
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
    how = "format='newline_delimited', ignore_errors=true, filename=true"
    return [f"read_json([{', '.join(listed)}], columns={{{columns}}}, {how})"]


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    from tokenop.database import quoted

    source = f"read_parquet({quoted(glob.escape(str(path)))}, filename=true)"
    described: list[tuple[Any, ...]] = connection.execute(f"DESCRIBE FROM {source}").fetchall()
    missing = [name for name in _COLUMNS if name not in {row[0] for row in described}]
    more = "".join(f", NULL AS {name}" for name in missing)
    return f"(SELECT *{more} FROM {source})"
