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


class Pattern(NamedTuple):
    """Something that implementations have in common; `beyond_chance`: the growth is more than chance explains."""

    kind: str
    name: str
    before: Rate
    now: Rate
    beyond_chance: bool


# What an implementation is counted under. A pair is two templates that one person put in place.
_KINDS = """
    SELECT 'layer' AS kind, layer AS name, day FROM done
    UNION ALL SELECT 'category', category, day FROM done
    UNION ALL SELECT 'template', template, day FROM done
    UNION ALL SELECT 'organisation', organisation, day FROM done
    UNION ALL SELECT 'lever', l.lever, d.day FROM done d JOIN levers l ON l.template = d.template
    UNION ALL SELECT 'pair', a.template || ' + ' || b.template, greatest(a.day, b.day)
        FROM firsts a JOIN firsts b ON a.who = b.who AND a.template < b.template"""


def patterns(connection: duckdb.DuckDBPyConnection, today: date) -> tuple[Pattern, ...]:
    """Return what rises, the surest first."""
    now, before = today - timedelta(days=QUARTER_DAYS), today - timedelta(days=2 * QUARTER_DAYS)
    recent, earlier = "day > $now AND day <= $today", "day > $before AND day <= $now"
    days = {"today": today, "now": now, "before": before}
    # Templates that the repository does not have would make as many pairs as anybody likes.
    rows = connection.execute(
        f"""WITH firsts AS (SELECT who, template, min(day) AS day FROM done JOIN templates ON id = template
            GROUP BY who, template)
        SELECT kind, name, count(*) FILTER ({earlier}), count(*) FILTER ({recent}),
            (SELECT count(*) FROM done WHERE {earlier}), (SELECT count(*) FROM done WHERE {recent})
        FROM ({_KINDS}) GROUP BY kind, name
        HAVING count(*) FILTER ({recent}) > count(*) FILTER ({earlier})""",
        days,
    ).fetchall()
    found = []
    for kind, name, hits, hits_now, of, of_now in rows:
        then, lately = Rate(hits, of), Rate(hits_now, of_now)
        found.append(Pattern(kind, name, then, lately, rises(then, lately)))
    found.sort(key=lambda one: (not one.beyond_chance, one.before.hits - one.now.hits, one.kind, one.name))
    listed: Counter[str] = Counter()
    shown = []
    for one in found:
        listed[one.kind] += 1
        if listed[one.kind] <= MOST:
            shown.append(one)
    return tuple(shown)
