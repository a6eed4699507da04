"""What implementations of the last quarter have in common more often than those of the quarter before. Counts only."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tokenop.community.intervals import Rate, rises

if TYPE_CHECKING:
    import duckdb

QUARTER_DAYS = 90
MOST = 5  # of a kind: pairs are many
FEWEST = 2  # cases: one is nothing in common


class Pattern(NamedTuple):
    """Something that implementations have in common; `beyond_chance`: the growth is more than chance explains."""

    kind: str
    name: str
    before: Rate
    now: Rate
    beyond_chance: bool


# Each row is one case of something. An implementation is a case of its layer, category and so on; what two templates
# that one person put in place within one quarter have in common is a case of that person's.
_KINDS = """
    SELECT 'layer' AS kind, layer AS name, quarter FROM lately
    UNION ALL SELECT 'category', category, quarter FROM lately
    UNION ALL SELECT 'template', template, quarter FROM lately
    UNION ALL SELECT 'organisation', organisation, quarter FROM lately
    UNION ALL SELECT 'lever', l.lever, d.quarter FROM lately d JOIN levers l ON l.template = d.template
    UNION ALL SELECT 'pair', a.template || ' + ' || b.template, a.quarter
        FROM used a JOIN used b ON a.who = b.who AND a.quarter = b.quarter AND a.template < b.template"""


def patterns(connection: duckdb.DuckDBPyConnection, today: date) -> tuple[Pattern, ...]:
    """Return what rises, the surest first."""
    now, before = today - timedelta(days=QUARTER_DAYS), today - timedelta(days=2 * QUARTER_DAYS)
    # Templates that the repository does not have would make as many pairs as anybody likes.
    rows = connection.execute(
        f"""WITH lately AS (SELECT *, day > $now AS quarter FROM done WHERE day > $before AND day <= $today),
        used AS (SELECT DISTINCT who, template, quarter FROM lately JOIN templates ON id = template),
        cases AS (SELECT quarter, count(*) AS entries, count(DISTINCT who) AS people FROM lately GROUP BY quarter),
        counts AS (SELECT kind, name, count(*) FILTER (NOT quarter) AS earlier, count(*) FILTER (quarter) AS recent
            FROM ({_KINDS}) GROUP BY kind, name)
        SELECT kind, name, earlier, recent, {_of("NOT quarter")}, {_of("quarter")} FROM counts""",
        {"today": today, "now": now, "before": before},
    ).fetchall()
    found = []
    for kind, name, hits, hits_now, of, of_now in rows:
        then, lately = Rate(hits, of), Rate(hits_now, of_now)
        if hits_now > max(hits, FEWEST - 1) and hits_now * max(of, 1) > hits * of_now:
            found.append(Pattern(kind, name, then, lately, rises(then, lately, len(rows))))
    found.sort(key=lambda one: (not one.beyond_chance, one.before.hits - one.now.hits, one.kind, one.name))
    listed: Counter[str] = Counter()
    shown = []
    for one in found:
        listed[one.kind] += 1
        if listed[one.kind] <= MOST:
            shown.append(one)
    return tuple(shown)


def _of(quarter: str) -> str:
    """Return as SQL how many cases there were in a quarter: of people for pairs, of implementations for the rest."""
    of = "CASE kind WHEN 'pair' THEN people ELSE entries END"
    return f"coalesce((SELECT {of} FROM cases WHERE {quarter}), 0)"
