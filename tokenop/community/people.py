"""Who did what: templates written, reviews given, implementations reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokenop.community.intervals import Rate

if TYPE_CHECKING:
    import duckdb

# What ships with the repository names the project as its author; that is nobody who contributes.
PROJECT = "tokenop"


class Contributor(NamedTuple):
    """What one person did. `held` counts the successes of implementations of templates that they wrote."""

    handle: str
    templates: tuple[str, ...]
    reviews: int
    implementations: int
    measured: int
    layers: tuple[str, ...]
    held: Rate
    since: str | None


def contributors(connection: duckdb.DuckDBPyConnection) -> tuple[Contributor, ...]:
    """Return everybody, those first whose templates surely work (the lower end of the interval), then by work done.

    Rates are given to authors alone: a reviewer or an implementer does not make a template work.
    """
    rows = connection.execute(
        """WITH wrote AS (SELECT lower(author) AS who, template FROM authors),
        held AS (SELECT wrote.who, count(*) FILTER (d.success) AS hits, count(d.success) AS known
            FROM wrote JOIN done d ON d.template = wrote.template WHERE d.who <> wrote.who GROUP BY wrote.who),
        acts AS (
            SELECT w.who, 'wrote' AS act, t.layer, t.created AS day, t.id AS template
                FROM wrote w JOIN templates t ON t.id = w.template
            UNION ALL SELECT reviewer, 'reviewed', layer, day, NULL
                FROM reviews r LEFT JOIN templates t ON t.id = r.template
            UNION ALL SELECT who, tier, layer, day, NULL FROM done)
        SELECT a.who, list_sort(list(a.template) FILTER (a.template IS NOT NULL)),
            count(*) FILTER (act = 'reviewed'), count(*) FILTER (act IN ('measured', 'reported')),
            count(*) FILTER (act = 'measured'), list_sort(list(DISTINCT layer) FILTER (layer IS NOT NULL)),
            coalesce(any_value(hits), 0), coalesce(any_value(known), 0), min(day)::VARCHAR
        FROM acts a LEFT JOIN held h ON h.who = a.who GROUP BY a.who"""
    ).fetchall()
    found = [
        Contributor(who, tuple(wrote or ()), reviews, made, measured, tuple(layers or ()), Rate(hits, known), since)
        for who, wrote, reviews, made, measured, layers, hits, known, since in rows
        if who != PROJECT
    ]
    return tuple(sorted(found, key=_order))


def _order(one: Contributor) -> tuple[object, ...]:
    work = len(one.templates) + one.reviews + one.implementations
    return (-(one.held.low or 0), -work, one.handle)
