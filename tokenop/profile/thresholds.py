"""What a semantic cache would answer at each threshold, measured on the prompts of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenop.profile import similarity
from tokenop.profile.clusters import MOST_PROMPTS
from tokenop.profile.similarity import HEAD, TAIL

if TYPE_CHECKING:
    import duckdb

EQUAL = 1 - 1e-4


def uplift(connection: duckdb.DuckDBPyConnection, where: str, calls: str = "calls") -> dict[float, float] | None:
    """Return by threshold the share of calls without an exact repeat that an alike earlier prompt would answer.

    Only prompts of the same tenant are compared, the latest 6,000 that the checked predicate `where` selects. Alike
    means alike in wording (`tokenop.profile.similarity`), so the shares are a floor. None where no event carries its
    prompt, which is the default: prompts are collected only where asked for.
    """
    import numpy as np

    rows = connection.execute(
        f"""SELECT tenant, CASE WHEN length(prompt) > {HEAD + TAIL}
              THEN left(prompt, {HEAD}) || ' ' || right(prompt, {TAIL}) ELSE prompt END
        FROM {calls} WHERE prompt <> '' AND (\n{where}\n) ORDER BY ts DESC, id DESC LIMIT {MOST_PROMPTS}"""
    ).fetchall()[::-1]
    if not rows:
        return None
    nearest = similarity.nearest_earlier([row[0] for row in rows], similarity.vectors([row[1] for row in rows]))
    fresh = nearest < EQUAL
    if not fresh.any():
        return dict.fromkeys(similarity.THRESHOLDS, 0.0)
    return {level: float(np.mean(nearest[fresh] >= level - 1e-4)) for level in similarity.THRESHOLDS}
