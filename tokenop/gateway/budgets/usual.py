"""What an hour of each user usually costs, from the log: computed in a process of its own, once an hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tokenop import files
from tokenop.gateway.budgets.recount import PICO, UNKNOWN
from tokenop.gateway.budgets.throttling import BASELINES

EVERY = 3600
_SQL = """
SELECT user_id, CAST(round(avg(usd)) AS HUGEINT)
FROM (
    SELECT user_id, date_trunc('hour', ts) AS hour, sum(CAST(cost_usd AS DECIMAL(38, 12))) * {pico} AS usd
    FROM {log} WHERE user_id IS NOT NULL AND user_id <> {unknown} GROUP BY ALL HAVING usd > 0
)
GROUP BY user_id HAVING count(*) >= {least} ORDER BY user_id
"""


def compute(folder: Path, log: Path, days: int, least_hours: int, now: float) -> int:
    """Write the mean cost of the hours in which each user spent something; return of how many users it is known.

    Args:
        folder: of the budgets.
        log: of the event log.
        days: how far to look back. The hour under way does not count.
        least_hours: users with fewer such hours are left out.
        now: in seconds since 1970.

    Raises:
        InputError: the file cannot be written.
    """
    from tokenop.database import connect, quoted
    from tokenop.gateway.log.reading import relation

    until = datetime.fromtimestamp(int(now) - int(now) % 3600, UTC)
    with connect(memory_limit="1GB") as connection:
        view = relation(connection, log, until - timedelta(days=days), until)
        sql = _SQL.format(log=view, pico=PICO, unknown=quoted(UNKNOWN), least=int(least_hours))
        users = {user: int(mean) for user, mean in connection.execute(sql).fetchall()}
    document = {"version": 1, "computed": until.isoformat(), "unit": "USD/10^12", "users": users}
    files.write_text(folder / BASELINES, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return len(users)


def is_due(folder: Path, log: Path, now: float) -> bool:
    """Tell whether what is known is older than an hour, and there is a log to know it from."""
    try:
        age = now - (folder / BASELINES).stat().st_mtime
    except OSError:
        return log.is_dir() and any(log.iterdir())
    return not 0 <= age < EVERY
