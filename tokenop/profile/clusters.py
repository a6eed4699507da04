"""Clusters of calls with representatives: by what they are for, or by what their prompts say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tokenop.profile import similarity
from tokenop.profile.narrow import KEYS
from tokenop.profile.scalars import ratio
from tokenop.profile.similarity import HEAD, TAIL

if TYPE_CHECKING:
    import duckdb

MOST = 100
"""The most clusters by intent that are listed."""

SAMPLED = 50_000
"""Calls among which representatives are looked for: as good as all, for a fraction of the time."""

MOST_PROMPTS = 6_000
"""Prompts that are compared with one another; the latest ones, without gaps, so that repeats stay close together."""

REPRESENTATIVES = 3
EXCERPT = 160

WITHOUT_PROMPTS = (
    "The events carry no prompts, so they cannot be clustered by what they say; clusters are by intent. Where prompts "
    "are collected (opt-in, see the collector's page), this shows groups of alike prompts with examples, and what "
    "share of calls a semantic cache would answer at each threshold."
)


@dataclass(frozen=True, slots=True)
class Representative:
    """A typical call of a cluster, and the beginning and end of its prompt where the events carry it."""

    id: str
    prompt: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of calls. `share` is of all known cost of the calls that were grouped."""

    name: str
    calls: int
    cost_usd: Decimal | None
    share: float | None
    representatives: tuple[Representative, ...]
    intents: dict[str, int]


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters in order of cost. `hits` maps a threshold of similarity to the share of prompts that reach it."""

    method: str
    note: str | None
    rows: tuple[Cluster, ...]
    prompts: int
    hits: dict[str, float] | None


def by_intent(connection: duckdb.DuckDBPyConnection, calls: str, note: str | None = None) -> Clusters:
    """Return one cluster an intent, from the table of keys, the dearest first.

    Its representatives are nearest to the median of its input and output tokens.
    """
    typical = _typical(connection, calls)
    rows = connection.execute(
        f"""SELECT intent, sum(calls)::BIGINT, sum(cost), (SELECT sum(cost) FROM {KEYS}) FROM {KEYS}
        GROUP BY intent ORDER BY sum(cost) DESC NULLS LAST, sum(calls) DESC, intent LIMIT {MOST}"""
    ).fetchall()
    clusters = [
        Cluster(name, count, cost, None if cost is None else ratio(cost, whole), typical.get(name, ()), {name: count})
        for name, count, cost, whole in rows
    ]
    return Clusters("intent", note, tuple(clusters), 0, None)


def by_meaning(connection: duckdb.DuckDBPyConnection, calls: str) -> Clusters:
    """Return clusters of alike prompts; by intent, with a note, where no event carries a prompt."""
    rows = connection.execute(
        f"""SELECT id, tenant, intent, CASE WHEN length(prompt) > {HEAD + TAIL}
              THEN left(prompt, {HEAD}) || ' ' || right(prompt, {TAIL}) ELSE prompt END, cost
        FROM {calls} WHERE prompt IS NOT NULL AND prompt <> ''
        ORDER BY ts DESC, id DESC LIMIT {MOST_PROMPTS}"""
    ).fetchall()[::-1]
    if not rows:
        return by_intent(connection, calls, WITHOUT_PROMPTS)
    vectors = similarity.vectors([row[3] for row in rows])
    groups = similarity.groups(vectors)
    hits = similarity.nearest_earlier([row[1] for row in rows], vectors)
    whole = sum((row[4] for row in rows if row[4] is not None), Decimal(0))
    clusters = []
    for members in groups:
        found = [rows[index] for index in members]
        known = [row[4] for row in found if row[4] is not None]
        cost = sum(known, Decimal(0)) if known else None
        intents: dict[str, int] = {}
        for row in found:
            intents[row[2]] = intents.get(row[2], 0) + 1
        shown = tuple(Representative(row[0], excerpt(row[3])) for row in found[:REPRESENTATIVES])
        ordered = dict(sorted(intents.items(), key=lambda item: (-item[1], item[0])))
        share = None if cost is None else ratio(cost, whole)
        clusters.append(Cluster("", len(found), cost, share, shown, ordered))
    clusters.sort(key=lambda cluster: (-(cluster.cost_usd or 0), -cluster.calls, cluster.representatives[0].id))
    named = [
        Cluster(f"cluster-{number}", one.calls, one.cost_usd, one.share, one.representatives, one.intents)
        for number, one in enumerate(clusters, start=1)
    ]
    return Clusters("semantic", similarity.NOTE, tuple(named), len(rows), similarity.thresholds(hits))


def excerpt(prompt: str) -> str:
    """Return the beginning and end of a prompt on one line: a long prompt's question is often at its end."""
    line = " ".join(prompt.split())
    if len(line) <= 2 * EXCERPT:
        return line
    return f"{line[:EXCERPT]} … {line[-EXCERPT:]}"


def _typical(connection: duckdb.DuckDBPyConnection, calls: str) -> dict[str, tuple[Representative, ...]]:
    row = connection.execute(f"SELECT sum(calls)::BIGINT FROM {KEYS}").fetchone()
    every = max(1, (row[0] if row else 0) // SAMPLED)
    distance = "abs(ln((1 + input_tokens) / (1 + mid_in))) + abs(ln((1 + output_tokens) / (1 + mid_out)))"
    rows = connection.execute(
        f"""WITH sampled AS (
          SELECT id, intent, coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens,
                 prompt FROM {calls} WHERE hash(id) % {every} = 0
        ), middle AS (
          SELECT intent, quantile_disc(input_tokens, 0.5) AS mid_in, quantile_disc(output_tokens, 0.5) AS mid_out
          FROM sampled GROUP BY intent
        )
        SELECT intent, id, prompt FROM sampled JOIN middle USING (intent)
        QUALIFY row_number() OVER (PARTITION BY intent ORDER BY {distance}, id) <= {REPRESENTATIVES}
        ORDER BY intent, {distance}, id"""
    ).fetchall()
    typical: dict[str, tuple[Representative, ...]] = {}
    for intent, identity, prompt in rows:
        shown = Representative(identity, None if prompt is None else excerpt(prompt))
        typical[intent] = (*typical.get(intent, ()), shown)
    return typical
